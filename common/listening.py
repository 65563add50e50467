"""The error of a server that can't listen on its port, as one line that names the wrong setting."""

import errno
import socket

from common.env import SettingError


def unusable(error: OSError, host: str, port: int) -> SettingError:
    """The SettingError for HOST or PORT, depending on what was wrong."""
    if error.errno == errno.EADDRINUSE:
        return SettingError("PORT", str(port), f"a free port: another process listens on {host}:{port}")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SettingError("PORT", str(port), "a port that this user may open, such as 8080")
    reason = error.strerror or str(error)
    if isinstance(error, socket.gaierror):
        reason = "no such name"
    return SettingError("HOST", host, f"an address of this machine, such as 127.0.0.1 or 0.0.0.0 ({reason})")
