"""The store that an option or a setting names, opened; one that can't be is named in the error."""

from functions.common.store import Store, open_store


def opened(url: str, *, said: str = "", read_only: bool = False) -> Store:
    """`said`: what stands before `url` where a person wrote it, such as `--store `. Raises ValueError or StoreError."""
    try:
        return open_store(url, read_only=read_only)
    except ValueError as expected:
        raise ValueError(f"{said}{url!r}: expected {expected}") from None
