variable "ssh_cidrs" {
  type    = set(string)
  default = ["203.0.113.0/24"]
}

locals {
  bastion    = "${local.prefix}-bastion"
  scripts    = "${var.repository}/bastion/src/user_data"
  public_key = join(" ", slice(split(" ", trimspace(file("${var.repository}/envs/bastion.pub"))), 0, 2))
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
}

resource "aws_security_group" "bastion" {
  name        = local.bastion
  description = "The host of the operators"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each          = var.ssh_cidrs
  security_group_id = aws_security_group.bastion.id
  description       = "SSH from ${each.key}"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_egress_rule" "bastion" {
  for_each = {
    "443" = "Packages, AWS APIs and Session Manager"
    "80"  = "Packages of Amazon Linux 2"
  }
  security_group_id = aws_security_group.bastion.id
  description       = each.value
  cidr_ipv4         = local.everywhere
  ip_protocol       = "tcp"
  from_port         = each.key
  to_port           = each.key
}

resource "aws_iam_role" "bastion" {
  name        = local.bastion
  description = "The host of the operators"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.bastion.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "bastion" {
  name = local.bastion
  role = aws_iam_role.bastion.name
}

# The orchestrator names it after the digest of its key.
resource "aws_key_pair" "bastion" {
  key_name   = "${local.bastion}-4e6d6b61"
  public_key = local.public_key
}

resource "aws_instance" "bastion" {
  ami                         = data.aws_ssm_parameter.image.insecure_value
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.public[var.zones[0]].id
  vpc_security_group_ids      = [aws_security_group.bastion.id]
  associate_public_ip_address = true
  iam_instance_profile        = aws_iam_instance_profile.bastion.name
  key_name                    = aws_key_pair.bastion.key_name
  user_data = join("", [
    file("${local.scripts}/start.sh"),
    file("${local.scripts}/amazon_linux_2.sh"),
    "again amazon-linux-extras install -y docker\n",
    file("${local.scripts}/docker.sh"),
  ])
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
  root_block_device {
    volume_type           = "gp3"
    volume_size           = 30
    encrypted             = true
    delete_on_termination = true
  }
  lifecycle {
    # A newer image is no reason for another host; the emulator does not tell the address of an interface.
    ignore_changes = [ami, associate_public_ip_address]
  }
  # It installs its tools as soon as it starts.
  depends_on = [aws_route.public, aws_vpc_security_group_egress_rule.bastion]
}
