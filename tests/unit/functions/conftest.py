from hypothesis import HealthCheck, settings

# No test of ours judges speed, also not by accident on a busy machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
