"""The test suite that every vendor's agent has to pass, built-in or external; `pytest --pyargs sim.seam` runs it.

`SEAM_VENDORS=acme` names the vendors to test: those of installed packages that declare the vendor and its fake by the
entry points `voice_bridge.vendors` and `voice_bridge.fakes`.
"""
