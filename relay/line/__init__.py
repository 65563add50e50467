"""The phone line: Exotel's protocol, when what is sent, the way of the sound in both directions."""
