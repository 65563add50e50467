"""Fakes of the other vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B)."""
