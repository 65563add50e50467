"""What a server tells the person who started it when it can't listen: the setting that is wrong, in one line."""

import errno
import socket

from common.env import SettingError


def unusable(error: OSError, host: str, port: int) -> SettingError:
    """HOST or PORT as what was wrong about listening there."""
    if error.errno == errno.EADDRINUSE:
        return SettingError("PORT", str(port), f"a free port: another process listens on {host}:{port}")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SettingError("PORT", str(port), "a port that this user may open, such as 8080")
    reason = error.strerror or str(error)
    if isinstance(error, socket.gaierror):
        reason = "no such name"
    return SettingError("HOST", host, f"an address of this machine, such as 127.0.0.1 or 0.0.0.0 ({reason})")
