# The load balancer and the relay in an existing VPC. The relay's subnets need a way to the internet (a NAT
# gateway, or an internet gateway and relay_public_addresses = true); the load balancer's need an internet gateway.
network = {
  vpc_id              = "vpc-0123456789abcdef0"
  balancer_subnet_ids = ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
  relay_subnet_ids    = ["subnet-0123456789abcdef3", "subnet-0123456789abcdef4"]
}
