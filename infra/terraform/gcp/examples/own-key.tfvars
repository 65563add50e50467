# A key of your own for records, secrets and logs, in the same region.
kms_key_name = "projects/acme-voice/locations/asia-south1/keyRings/voice/cryptoKeys/records"
