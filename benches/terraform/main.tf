# The objects of envs/reference.toml, as one Terraform configuration: the other side of the benchmark.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {
  description = "Where the AWS APIs are: an emulator"
  type        = string
}

variable "region" {
  type    = string
  default = "eu-north-1"
}

variable "stack" {
  type    = string
  default = "shop"
}

variable "env" {
  type    = string
  default = "reference"
}

variable "repository" {
  description = "The checkout with envs/ and bastion/, absolute or from this directory"
  type        = string
  default     = "../.."
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete database and load balancer; apply false before a destroy"
  type        = bool
  default     = true
}

provider "aws" {
  region                      = var.region
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    appautoscaling = var.endpoint
    cloudwatch     = var.endpoint
    ec2            = var.endpoint
    ecs            = var.endpoint
    elbv2          = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    logs           = var.endpoint
    rds            = var.endpoint
    sns            = var.endpoint
    ssm            = var.endpoint
    sts            = var.endpoint
  }
  default_tags {
    tags = { managed-by = "terraform" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  prefix  = "${var.stack}-${var.env}"
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
}
