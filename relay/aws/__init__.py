"""What a relay asks and tells AWS when it runs there."""
