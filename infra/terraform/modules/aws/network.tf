# Public subnets, unless something else is asked for: the relay's tasks talk to the internet all the time (Exotel through the
# balancer, the agent, the functions), and a NAT gateway would cost more than the tasks. Nobody reaches them but the
# balancer (relay security group). With `nat_gateways` the tasks are in private subnets (private.tf); with `network` in yours.

locals {
  own_network = var.network == null
  private     = local.own_network && var.nat_gateways > 0

  vpc_id           = local.own_network ? aws_vpc.main[0].id : var.network.vpc_id
  balancer_subnets = local.own_network ? aws_subnet.public[*].id : var.network.balancer_subnet_ids
  relay_subnets    = !local.own_network ? var.network.relay_subnet_ids : local.private ? aws_subnet.private[*].id : aws_subnet.public[*].id
  relay_is_public  = local.own_network ? !local.private : var.network.relay_public_addresses
}

data "aws_availability_zones" "available" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "main" {
  count = local.own_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# The group that AWS makes with every VPC lets its members talk; nothing here uses it.
resource "aws_default_security_group" "closed" {
  count = local.own_network ? 1 : 0

  vpc_id = aws_vpc.main[0].id

  tags = { Name = "${var.name}-unused" }
}

resource "aws_internet_gateway" "main" {
  count = local.own_network ? 1 : 0

  vpc_id = aws_vpc.main[0].id

  tags = { Name = var.name }
}

resource "aws_subnet" "public" {
  count = local.own_network ? var.zone_count : 0

  vpc_id            = aws_vpc.main[0].id
  availability_zone = data.aws_availability_zones.available.names[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)

  tags = { Name = "${var.name}-public-${count.index + 1}" }

  # A zone that opens or fails changes the list of zones; the subnets stay where they are.
  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_route_table" "public" {
  count = local.own_network ? 1 : 0

  vpc_id = aws_vpc.main[0].id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main[0].id
  }

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table_association" "public" {
  count = local.own_network ? var.zone_count : 0

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "Load balancer: from CloudFront, or from everywhere when it has its own domain; to the relay"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-balancer" }
}

resource "aws_security_group" "relay" {
  name        = "${var.name}-relay"
  description = "Relay tasks: from the load balancer; to HTTPS anywhere"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-relay" }
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  count = local.has_domain ? 0 : 1

  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_vpc_security_group_ingress_rule" "balancer_from_cloudfront" {
  count = local.has_domain ? 0 : 1

  security_group_id = aws_security_group.balancer.id
  description       = "HTTP from CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront[0].id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_ingress_rule" "balancer_from_anywhere" {
  for_each = toset(local.has_domain ? (length(var.allowed_addresses) > 0 ? var.allowed_addresses : ["0.0.0.0/0"]) : [])

  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

moved {
  from = aws_vpc_security_group_ingress_rule.balancer_from_anywhere[0]
  to   = aws_vpc_security_group_ingress_rule.balancer_from_anywhere["0.0.0.0/0"]
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_relay" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Calls and health checks"
  referenced_security_group_id = aws_security_group.relay.id
  ip_protocol                  = "tcp"
  from_port                    = local.relay_port
  to_port                      = local.relay_port
}

resource "aws_vpc_security_group_ingress_rule" "relay_from_balancer" {
  security_group_id            = aws_security_group.relay.id
  description                  = "Calls and health checks"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.relay_port
  to_port                      = local.relay_port
}

resource "aws_vpc_security_group_egress_rule" "relay_to_https" {
  security_group_id = aws_security_group.relay.id
  description       = "Agents, the functions, and the AWS APIs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# --- From before a network of your own could be named ----------------------------------------------------------------

moved {
  from = aws_vpc.main
  to   = aws_vpc.main[0]
}

moved {
  from = aws_default_security_group.closed
  to   = aws_default_security_group.closed[0]
}

moved {
  from = aws_internet_gateway.main
  to   = aws_internet_gateway.main[0]
}

moved {
  from = aws_route_table.public
  to   = aws_route_table.public[0]
}
