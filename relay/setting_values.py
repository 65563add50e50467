"""Parses settings that are more than a text, a number or a choice."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from common.env import Env, SettingError

FRAME_STEP_MS: Final = 20  # exotel.FRAME_UNIT at 8 kHz, and whole units at the other rates


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def lead_ms(env: Env) -> int | None:
    """None: learned from the line. Raises SettingError."""
    if env.text("LEAD_MS", default="auto").lower() == "auto":
        return None
    return env.integer("LEAD_MS", default=0, low=FRAME_STEP_MS, high=2000)


def websocket_url(env: Env, name: str) -> str:
    """Empty when it is not set. Raises SettingError."""
    url = env.text(name).rstrip("/")
    if url and not url.startswith(("wss://", "ws://")):
        raise SettingError(name, url, "a wss:// URL")
    return url


def agents_url(env: Env) -> str:
    """Beside EVENTS_URL if that is the functions'; empty for none. Raises SettingError."""
    url, events_url = env.text("AGENTS_URL"), env.text("EVENTS_URL")
    if not url:
        of_functions = events_url.endswith("/relay/events")
        return f"{events_url.removesuffix('/events')}/agents" if of_functions else ""
    if url != "none" and not url.startswith(("https://", "http://")):
        raise SettingError("AGENTS_URL", url, "an https:// URL, or none")
    return "" if url == "none" else url


def http_url(env: Env, name: str) -> str:
    """Empty when it is not set. Raises SettingError."""
    url = env.text(name)
    if url and not url.startswith(("https://", "http://")):
        raise SettingError(name, url, "an https:// URL")
    return url


def folder(env: Env) -> Path:
    """Of STORE. Raises SettingError."""
    store = env.text("STORE", default="file:data")
    scheme, separator, folder = store.partition(":")
    if not separator or scheme != "file" or not folder:
        # buckets are written by the functions; the relay knows no cloud
        raise SettingError("STORE", store, "file:FOLDER (with EVENTS_URL the functions write to the bucket)")
    return Path(folder)
