variable "log_retention_days" {
  type    = number
  default = 30
}

variable "error_threshold" {
  description = "Errors in five minutes"
  type        = number
  default     = 5
}

locals {
  cluster  = local.prefix
  service  = "app"
  database = local.prefix

  queries = {
    errors  = "fields @timestamp, request_id, path, message\n| filter level = \"ERROR\"\n| sort @timestamp desc\n| limit 100"
    latency = "filter ispresent(duration_ms)\n| stats pct(duration_ms, 50), pct(duration_ms, 95), pct(duration_ms, 99) by path"
    slow    = "fields @timestamp, path, duration_ms, request_id\n| filter ispresent(duration_ms)\n| sort duration_ms desc\n| limit 50"
    status  = "filter ispresent(status)\n| stats count(*) as requests by status, bin(5m)"
  }

  of_service  = ["ClusterName", local.cluster, "ServiceName", local.service]
  of_database = ["DBInstanceIdentifier", local.database]
  # The load balancer's metrics are found by its name: the dashboard is there before it.
  of_edge = {
    for metric in ["RequestCount", "HTTPCode_Target_5XX_Count"] :
    metric => [[{ expression = "SEARCH('{AWS/ApplicationELB,LoadBalancer} ${metric} ${local.prefix}', 'Sum', 60)" }]]
  }
  graphs = [
    { title = "Requests", stat = "Sum", metrics = local.of_edge["RequestCount"] },
    { title = "Errors 5xx", stat = "Sum", metrics = local.of_edge["HTTPCode_Target_5XX_Count"] },
    {
      title = "Tasks"
      stat  = "Average"
      metrics = [
        concat(["ECS/ContainerInsights", "RunningTaskCount"], local.of_service),
        concat(["ECS/ContainerInsights", "DesiredTaskCount"], local.of_service),
      ]
    },
    {
      title = "Application: CPU and memory"
      stat  = "Average"
      metrics = [
        concat(["AWS/ECS", "CPUUtilization"], local.of_service),
        concat(["AWS/ECS", "MemoryUtilization"], local.of_service),
      ]
    },
    { title = "Database: CPU", stat = "Average", metrics = [concat(["AWS/RDS", "CPUUtilization"], local.of_database)] },
    { title = "Database: connections", stat = "Average", metrics = [concat(["AWS/RDS", "DatabaseConnections"], local.of_database)] },
  ]
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/ecs/${local.cluster}/${local.service}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

resource "aws_cloudwatch_log_group" "exec" {
  name              = "/ecs/${local.cluster}/exec"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

# RDS makes these by itself, without a retention, if they are not there when it starts to export.
resource "aws_cloudwatch_log_group" "database" {
  for_each          = toset(["postgresql", "upgrade"])
  name              = "/aws/rds/instance/${local.database}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.prefix}-alarms"
  kms_master_key_id = aws_kms_key.main.arn
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "{ $.level = \"ERROR\" }"
  metric_transformation {
    name          = "Errors"
    namespace     = local.prefix
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.prefix}-errors"
  alarm_description   = "The application logs errors: see the saved query `errors`"
  namespace           = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.error_threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_query_definition" "main" {
  for_each        = local.queries
  name            = "${local.prefix}/${each.key}"
  query_string    = each.value
  log_group_names = [aws_cloudwatch_log_group.app.name]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.prefix
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "text"
        x          = 0
        y          = 0
        width      = 24
        height     = 1
        properties = { markdown = "**${local.prefix}** · kept by orchestrator" }
      }],
      [for index, graph in local.graphs : {
        type   = "metric"
        x      = index % 3 * 8
        y      = 1 + floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = graph.title
          region  = local.region
          view    = "timeSeries"
          stat    = graph.stat
          period  = 60
          metrics = graph.metrics
        }
      }],
    )
  })
}
