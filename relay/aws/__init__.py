"""The relay's exchange with AWS when it runs there."""
