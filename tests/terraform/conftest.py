"""For all tests with Terraform."""

import os

# Terraform and its providers read schemas of many megabytes at each start, and end soon: a fifth of their time went
# into collecting garbage on the way. Without it they take 70 MB more.
os.environ.setdefault("GOGC", "400")
