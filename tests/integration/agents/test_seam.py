"""The suite of the seam for every vendor that comes with the relay; each message is held to its vendor's SDK here."""

import pytest

pytest.register_assert_rewrite("sim.seam.test_seam")

from sim.seam.test_seam import *  # noqa: E402, F403 - rewritten first, or what fails says nothing
