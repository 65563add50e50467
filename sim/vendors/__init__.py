"""What the fakes of the vendors' agents share. They are in the vendors' folders; `registry` finds them."""
