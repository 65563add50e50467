# A domain whose zone is not in Cloud DNS: the deploy prints the address that its A record must point at.
domain_name = "calls.example.com"
