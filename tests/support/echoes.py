"""Callers' loudspeakers that the echo guard has to cope with, on its own and in whole calls."""

from sim.echo import LineEcho

ECHOES = [
    LineEcho(delay_ms=delay, level_db=level, room_ms=room, clip_at=clip)
    for delay in (70, 180, 300, 480, 800)
    for level, room, clip in ((-8, 150, 1.0), (-14, 250, 1.0), (-20, 60, 1.0), (-12, 150, 0.2))
]
