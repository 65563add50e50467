"""What leaves the relay and outlives the call: events, records, traces."""
