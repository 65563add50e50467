"""A server that can't listen says which of its two settings is wrong, and why."""

import errno
import os
import socket

import pytest

from common.listening import unusable

AN_ADDRESS = "expected an address of this machine, such as 127.0.0.1 or 0.0.0.0"


@pytest.mark.parametrize(
    ("error", "named", "said"),
    [
        (
            OSError(errno.EADDRINUSE, "in use"),
            "PORT",
            "PORT='8080': expected a free port: another process listens on 10.0.0.1:8080",
        ),
        (OSError(errno.EACCES, "no"), "PORT", "PORT='8080': expected a port that this user may open, such as 8080"),
        (OSError(errno.EPERM, "no"), "PORT", "PORT='8080': expected a port that this user may open, such as 8080"),
        (
            OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)),
            "HOST",
            f"HOST='10.0.0.1': {AN_ADDRESS} (Cannot assign requested address)",
        ),
        (OSError("odd"), "HOST", f"HOST='10.0.0.1': {AN_ADDRESS} (odd)"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "HOST",
            f"HOST='10.0.0.1': {AN_ADDRESS} (no such name)",
        ),
    ],
)
def test_the_wrong_setting_is_named(error, named, said):
    problem = unusable(error, "10.0.0.1", 8080)
    assert problem.name == named
    assert str(problem) == said
