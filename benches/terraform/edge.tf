locals {
  edge_alarms = {
    errors = {
      description        = "The application answers with 5xx: see the saved query `errors`"
      metric             = "HTTPCode_Target_5XX_Count"
      of_target_group    = false
      statistic          = "Sum"
      extended_statistic = null
      threshold          = 10
    }
    latency = {
      description        = "The slowest answers are too slow: see the saved query `slow`"
      metric             = "TargetResponseTime"
      of_target_group    = true
      statistic          = null
      extended_statistic = "p99"
      threshold          = 2
    }
    unhealthy = {
      description        = "A task fails its health check: see its log"
      metric             = "UnHealthyHostCount"
      of_target_group    = true
      statistic          = "Maximum"
      extended_statistic = null
      threshold          = 1
    }
  }
}

resource "aws_lb" "main" {
  name                       = "${local.prefix}-alb"
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = values(aws_subnet.public)[*].id
  security_groups            = [aws_security_group.edge.id]
  idle_timeout               = 60
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  depends_on                 = [aws_internet_gateway.main]
}

resource "aws_lb_target_group" "app" {
  name                 = "${local.prefix}-app"
  vpc_id               = aws_vpc.main.id
  target_type          = "ip"
  protocol             = "HTTP"
  protocol_version     = "HTTP1"
  port                 = var.app_port
  deregistration_delay = 30
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app.arn
  }
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  for_each          = local.edge_alarms
  alarm_name        = "${local.prefix}-edge-${each.key}"
  alarm_description = each.value.description
  namespace         = "AWS/ApplicationELB"
  metric_name       = each.value.metric
  dimensions = merge(
    { LoadBalancer = aws_lb.main.arn_suffix },
    each.value.of_target_group ? { TargetGroup = aws_lb_target_group.app.arn_suffix } : {},
  )
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended_statistic
  period              = 60
  evaluation_periods  = 3
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
