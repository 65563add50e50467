# The vendors' own SDKs, to which tests hold what the relay and the fakes say (tests/contract). An environment of its
# own: what is deployed needs none of them.
test: .cache/contract/.installed
