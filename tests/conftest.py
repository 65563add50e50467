"""For all tests: how much hypothesis tries.

`HYPOTHESIS_PROFILE=long pytest tests/unit` looks for an hour's worth of counterexamples; without it a few dozen
examples a property keep the suite quick, and in CI they are the same each time, so that a red build can be repeated.
"""

import os

from hypothesis import HealthCheck, settings

_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # the machine may be busy elsewhere

settings.register_profile("quick", max_examples=40, **_ALWAYS)
settings.register_profile("ci", max_examples=40, derandomize=True, database=None, **_ALWAYS)
settings.register_profile("long", max_examples=5000, **_ALWAYS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))
