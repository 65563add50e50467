# A domain whose zone is not in Route 53: the deploy prints the records to make.
domain_name = "calls.example.com"
