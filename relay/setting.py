"""One setting, said once: its variable, kind, default, range, whether it is secret, what it is for.

The fields of relay.settings.Settings are declared with these; reading the environment, the table of
docs/configuration.md (`python -m scripts.settings_table`) and the tests of the contract and of Terraform's files all go
by the declarations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from common.env import Env

KEY: Final = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """`names`: the first that is set wins. `shown`: the default as the documentation writes it, empty for none."""

    names: tuple[str, ...]
    read: Callable[[Env], Any]
    shown: str
    about: str
    secret: bool = False
    limits: tuple[float, float] | None = None
    internal: bool = False
    """Set by a platform, and for nobody else to set."""

    def row(self) -> str:
        """As a row of the table in docs/configuration.md."""
        names = ", ".join(f"`{name}`" for name in self.names)
        return " ".join(f"| {names} | {self.shown} | {self.about} |".split())


def text(*names: str, default: str = "", about: str, shown: str | None = None, internal: bool = False) -> Any:
    """A text without surrounding white space."""
    written = default if shown is None else shown
    return _field(names, lambda env: env.text(*names, default=default), default, written, about, internal=internal)


def choice(name: str, *, default: str, choices: Sequence[str], about: str) -> Any:
    """One of `choices`."""
    return _field((name,), lambda env: env.choice(name, default=default, choices=choices), default, default, about)


def integer(*names: str, default: int, low: int, high: int, about: str) -> Any:
    """A whole number."""

    def read(env: Env) -> int:
        return env.integer(*names, default=default, low=low, high=high)

    return _field(names, read, default, str(default), about, limits=(low, high))


def number(*names: str, default: float, low: float, high: float, about: str) -> Any:
    """A number."""

    def read(env: Env) -> float:
        return env.number(*names, default=default, low=low, high=high)

    return _field(names, read, default, f"{default:g}", about, limits=(low, high))


def boolean(name: str, *, default: bool, about: str) -> Any:
    """Yes or no."""
    return _field((name,), lambda env: env.boolean(name, default=default), default, str(default).lower(), about)


def secret(name: str, *, about: str) -> Any:
    """A secret that whoever runs this chose."""
    return _field((name,), lambda env: env.secret(name), "", "", about, secret=True)


def key(name: str, *, about: str) -> Any:
    """A secret that a vendor chose: no rule of ours for its length."""
    return _field((name,), lambda env: env.text(name), "", "", about, secret=True)


def custom(name: str, read: Callable[[Env], Any], *, default: Any, shown: str, about: str, secret: bool = False) -> Any:
    """Read by a function of its own, which raises SettingError."""
    return _field((name,), read, default, shown, about, secret=secret)


def _field(
    names: tuple[str, ...],
    read: Callable[[Env], Any],
    default: Any,
    shown: str,
    about: str,
    *,
    secret: bool = False,
    limits: tuple[float, float] | None = None,
    internal: bool = False,
) -> Any:
    declared = Setting(names, read, shown, about, secret, limits, internal)
    return field(default=default, repr=not secret, metadata={KEY: declared})
