"""One call: who calls, which agent has the caller, what is said, how it ends."""
