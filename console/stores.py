"""Opens the store that an option or a setting names; an error names it too."""

from functions.common.store import Store, open_store


def opened(url: str, *, said: str = "", read_only: bool = False) -> Store:
    """`said`: the text before `url` in the error, such as `--store `. Raises ValueError or StoreError."""
    try:
        return open_store(url, read_only=read_only)
    except ValueError as expected:
        raise ValueError(f"{said}{url!r}: expected {expected}") from None
