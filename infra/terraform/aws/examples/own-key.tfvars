# A key of your own for records, secrets, logs and the functions' environment.
kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
