"""What relay, functions and console must agree on. Nothing that only one of them needs, and no cloud's library."""

__version__ = "0.2.0"
