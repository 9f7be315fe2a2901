# The mirror has no random provider: stand-ins of the length that the orchestrator generates.
variable "database_password" {
  type      = string
  sensitive = true
  default   = "not-a-real-secret-0123456789-abcdefghijk"
}

variable "flask_secret_key" {
  type      = string
  sensitive = true
  default   = "not-a-real-secret-9876543210-lmnopqrstuv"
}

resource "aws_kms_key" "main" {
  description             = "Everything of ${local.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${local.region}:${local.account}:*" } }
      },
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "main" {
  name          = "alias/${local.prefix}"
  target_key_id = aws_kms_key.main.key_id
}

resource "aws_ssm_parameter" "database_password" {
  name   = "/${var.stack}/${var.env}/database-password"
  type   = "SecureString"
  key_id = aws_kms_key.main.arn
  value  = var.database_password
}

resource "aws_ssm_parameter" "flask_secret_key" {
  name   = "/${var.stack}/${var.env}/flask-secret-key"
  type   = "SecureString"
  key_id = aws_kms_key.main.arn
  value  = var.flask_secret_key
}
