"""The suite that every vendor's agent has to pass, of ours and of others; `pytest --pyargs sim.seam` runs it.

`SEAM_VENDORS=acme` names the vendors to run it for: those of installed packages that declare the vendor and its fake by
the entry points `voice_bridge.vendors` and `voice_bridge.fakes`.
"""
