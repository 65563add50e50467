"""What relay, functions and console must agree on. Nothing that only one of them needs, and no cloud's library."""
