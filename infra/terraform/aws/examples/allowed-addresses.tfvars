# Only these networks reach the relay, each at a limited rate. Include the address you deploy from, or the checks at the
# end of a deploy can't reach it. A call is one request: 3,000 in five minutes are ten new calls a second from one address.
domain_name          = "calls.example.com"
hosted_zone_id       = "Z0123456789ABCDEFGHIJ"
allowed_addresses    = ["203.0.113.0/24", "198.51.100.7/32"]
requests_per_address = 3000
