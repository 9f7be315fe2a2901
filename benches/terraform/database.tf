variable "database_version" {
  type    = string
  default = "16.3"
}

variable "slow_query_ms" {
  type    = number
  default = 500
}

locals {
  database_major = split(".", var.database_version)[0]
  database_alarms = {
    cpu = {
      description = "The database's CPU is busy: look at Performance Insights"
      metric      = "CPUUtilization"
      operator    = "GreaterThanThreshold"
      threshold   = 80
    }
    storage = {
      description = "The database's disk is nearly full: raise max_storage_gb"
      metric      = "FreeStorageSpace"
      operator    = "LessThanThreshold"
      threshold   = 4 * 1024 * 1024 * 1024
    }
    connections = {
      description = "The database has many connections open"
      metric      = "DatabaseConnections"
      operator    = "GreaterThanThreshold"
      threshold   = 80
    }
  }
}

resource "aws_db_subnet_group" "main" {
  name        = local.prefix
  description = "The data subnets"
  subnet_ids  = values(aws_subnet.data)[*].id
}

resource "aws_db_parameter_group" "main" {
  name        = "${local.prefix}-pg${local.database_major}"
  family      = "postgres${local.database_major}"
  description = "Encrypted connections, slow queries logged"
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = var.slow_query_ms
  }
}

resource "aws_db_instance" "main" {
  identifier                          = local.database
  engine                              = "postgres"
  engine_version                      = var.database_version
  auto_minor_version_upgrade          = false
  instance_class                      = "db.t3.micro"
  allocated_storage                   = 20
  max_allocated_storage               = 100
  storage_type                        = "gp2"
  storage_encrypted                   = true
  kms_key_id                          = aws_kms_key.main.arn
  db_name                             = "app"
  username                            = "app"
  password                            = aws_ssm_parameter.database_password.value
  port                                = var.database_port
  iam_database_authentication_enabled = true
  multi_az                            = false
  publicly_accessible                 = false
  db_subnet_group_name                = aws_db_subnet_group.main.name
  vpc_security_group_ids              = [aws_security_group.data.id]
  parameter_group_name                = aws_db_parameter_group.main.name
  backup_retention_period             = 7
  backup_window                       = "03:00-04:00"
  maintenance_window                  = "sun:04:00-sun:05:00"
  copy_tags_to_snapshot               = true
  deletion_protection                 = var.deletion_protection
  skip_final_snapshot                 = true
  apply_immediately                   = true
  performance_insights_enabled        = true
  enabled_cloudwatch_logs_exports     = keys(aws_cloudwatch_log_group.database)
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each            = local.database_alarms
  alarm_name          = "${local.prefix}-database-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = aws_db_instance.main.identifier }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  threshold           = each.value.threshold
  comparison_operator = each.value.operator
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
