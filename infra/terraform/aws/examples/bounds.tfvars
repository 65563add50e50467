# What the roles that are made may do at most, and what the account may cost a month before somebody is told.
permissions_boundary = "arn:aws:iam::123456789012:policy/bounds"
monthly_budget_usd   = 200
alarm_email          = "ops@example.com"
