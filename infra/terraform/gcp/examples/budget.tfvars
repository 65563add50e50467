# A monthly budget with an alarm, in the billing account's currency.
monthly_budget  = 15000
billing_account = "012345-6789AB-CDEF01"
alarm_email     = "ops@example.com"
