"""How an address is shown to people: without its secrets."""

from yarl import URL

_OURS = frozenset({"media", "v1", "convai", "conversation", "exotel"})


def bare(url: URL) -> str:
    """An address that is safe to show: without password, token or query. Everything after /media may be a token."""
    kept = [part for part in url.parts[1:] if part in _OURS]
    hidden = "/…" if len(kept) < len([part for part in url.parts[1:] if part]) else ""
    return f"{url.scheme}://{url.host}{'' if url.is_default_port() else f':{url.port}'}/{'/'.join(kept)}{hidden}"
