"""Control of running calls: by operators, by commands, by the agent itself."""
