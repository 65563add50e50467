"""The relay's own recording: placed by the line's clock, written in pieces during the call, then uploaded."""
