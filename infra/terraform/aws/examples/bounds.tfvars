# A permissions boundary for the roles that are created, and a monthly budget with an alarm.
permissions_boundary = "arn:aws:iam::123456789012:policy/bounds"
monthly_budget_usd   = 200
alarm_email          = "ops@example.com"
