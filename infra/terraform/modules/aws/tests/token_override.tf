# `terraform test` needs this beside the files that it tests; `make test` puts it there, in a copy of them.
module "origin_token" {
  source = "./tests/token"
}
