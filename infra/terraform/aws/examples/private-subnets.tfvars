# Tasks without public addresses, behind one NAT gateway for each zone, whose fixed addresses others can allow. One gateway
# (nat_gateways = 1) costs half, and takes the way out from both zones when its own fails.
nat_gateways      = 2
private_endpoints = true
