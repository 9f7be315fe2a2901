variable "cidr" {
  type    = string
  default = "10.0.0.0/16"
}

variable "zones" {
  description = "Letters of the zones"
  type        = list(string)
  default     = ["a", "b"]
}

variable "app_port" {
  type    = number
  default = 8000
}

variable "database_port" {
  type    = number
  default = 5432
}

locals {
  everywhere = "0.0.0.0/0"
  # Each tier has four of the sixteen blocks.
  blocks = cidrsubnets(var.cidr, [for _ in range(16) : 4]...)
  zones  = { for index, zone in var.zones : zone => index }
}

resource "aws_vpc" "main" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
}

resource "aws_default_security_group" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  for_each          = local.zones
  vpc_id            = aws_vpc.main.id
  cidr_block        = local.blocks[each.value]
  availability_zone = "${local.region}${each.key}"
}

resource "aws_subnet" "private" {
  for_each          = local.zones
  vpc_id            = aws_vpc.main.id
  cidr_block        = local.blocks[4 + each.value]
  availability_zone = "${local.region}${each.key}"
}

resource "aws_subnet" "data" {
  for_each          = local.zones
  vpc_id            = aws_vpc.main.id
  cidr_block        = local.blocks[8 + each.value]
  availability_zone = "${local.region}${each.key}"
}

resource "aws_eip" "nat" {
  domain     = "vpc"
  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[var.zones[0]].id
  depends_on    = [aws_internet_gateway.main]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = local.everywhere
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each       = local.zones
  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.public[each.key].id
}

resource "aws_route_table" "private" {
  for_each = local.zones
  vpc_id   = aws_vpc.main.id
}

resource "aws_route" "private" {
  for_each               = local.zones
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = local.everywhere
  nat_gateway_id         = aws_nat_gateway.main.id
}

resource "aws_route_table_association" "private" {
  for_each       = local.zones
  route_table_id = aws_route_table.private[each.key].id
  subnet_id      = aws_subnet.private[each.key].id
}

resource "aws_route_table" "data" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table_association" "data" {
  for_each       = local.zones
  route_table_id = aws_route_table.data.id
  subnet_id      = aws_subnet.data[each.key].id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = values(aws_route_table.private)[*].id
}

resource "aws_security_group" "edge" {
  name        = "${local.prefix}-edge"
  description = "The load balancer"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group" "app" {
  name        = "${local.prefix}-app"
  description = "The tasks of the application"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group" "data" {
  name        = "${local.prefix}-data"
  description = "The database"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "edge" {
  for_each          = { HTTP = 80, HTTPS = 443 }
  security_group_id = aws_security_group.edge.id
  description       = "${each.key} from ${local.everywhere}"
  cidr_ipv4         = local.everywhere
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

# Who may talk to whom: a rule out and a rule in for each.
locals {
  ways = {
    edge_app = {
      description = "The load balancer to the application"
      from        = aws_security_group.edge.id
      to          = aws_security_group.app.id
      port        = var.app_port
    }
    app_data = {
      description = "The application to the database"
      from        = aws_security_group.app.id
      to          = aws_security_group.data.id
      port        = var.database_port
    }
    bastion_data = {
      description = "The bastion to the database"
      from        = aws_security_group.bastion.id
      to          = aws_security_group.data.id
      port        = var.database_port
    }
  }
}

resource "aws_vpc_security_group_egress_rule" "way" {
  for_each                     = local.ways
  security_group_id            = each.value.from
  description                  = each.value.description
  referenced_security_group_id = each.value.to
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "way" {
  for_each                     = local.ways
  security_group_id            = each.value.to
  description                  = each.value.description
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "app" {
  security_group_id = aws_security_group.app.id
  description       = "Images, logs and AWS APIs"
  cidr_ipv4         = local.everywhere
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
