"""One call: the caller, the agent that has the call, what is said, how it ends."""
