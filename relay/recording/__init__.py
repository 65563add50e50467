"""A recording of one's own: placed by the line's clock, written in pieces as the call goes, uploaded with leave."""
