"""The phone line: Exotel's protocol, the schedule of frames, and the sound in both directions."""
