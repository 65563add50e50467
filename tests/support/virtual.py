"""Runs an async test in virtual time."""

from sim.seam.virtual import virtual as virtual
