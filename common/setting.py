"""One setting, declared once: its variable, kind, default, range, whether it is secret, what it is for.

The fields of each part's Settings are declared with these. Reading the environment, the tables of docs/configuration.md
and docs/functions.md (`python -m scripts.settings_table`), and the tests of the contract and of Terraform's files all
use the declarations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal

from common.env import Env

KEY: Final = "setting"
Kind = Literal["text", "choice", "integer", "number", "boolean", "secret", "custom"]


@dataclass(frozen=True, slots=True)
class Setting:
    """`names`: the first one that is set wins; they include the unit. `shown`: the default as documented."""

    kind: Kind
    names: tuple[str, ...]
    read: Callable[[Env], Any]
    shown: str
    about: str
    secret: bool = False
    limits: tuple[float, float] | None = None
    internal: bool = False
    """Set by a platform, and for nobody else to set."""

    def row(self, star: str = "") -> str:
        """The setting as a row of a table: its names, its default and range, and what it is for.

        `star` follows the name of a secret.
        """
        names = ", ".join(f"`{name}`{star if self.secret else ''}" for name in self.names)
        limits = " ({:.15g} to {:.15g})".format(*self.limits) if self.limits else ""
        return " ".join(f"| {names} | {self.shown}{limits} | {self.about} |".split())


def settings_of(cls: type, *, inherited: bool = True) -> list[Setting]:
    """The settings that a dataclass declares for users, in order; with `inherited`, those of its base classes too."""
    above = {one.name for base in cls.__mro__[1:] if is_dataclass(base) for one in fields(base)}
    declared: list[tuple[str, Setting]] = [(one.name, one.metadata[KEY]) for one in fields(cls) if KEY in one.metadata]
    return [one for name, one in declared if not one.internal and (inherited or name not in above)]


def declaration(cls: type, field_name: str) -> Setting:
    """The declaration of a dataclass's field."""
    found: Setting = next(one.metadata[KEY] for one in fields(cls) if one.name == field_name)
    return found


def read(cls: type, env: Env) -> dict[str, Any]:
    """The values of all settings of a dataclass. Raises SettingError for the first invalid one."""
    return {one.name: one.metadata[KEY].read(env) for one in fields(cls) if KEY in one.metadata}


def text(*names: str, default: str = "", about: str, shown: str | None = None, internal: bool = False) -> Any:
    """A text without surrounding white space."""
    written = default if shown is None else shown
    return _field(
        "text", names, lambda env: env.text(*names, default=default), default, written, about, internal=internal
    )


def choice(name: str, *, default: str, choices: Sequence[str], about: str) -> Any:
    """One of `choices`."""
    return _field(
        "choice", (name,), lambda env: env.choice(name, default=default, choices=choices), default, default, about
    )


def integer(*names: str, default: int, low: int, high: int, about: str) -> Any:
    """A whole number."""

    def read(env: Env) -> int:
        return env.integer(*names, default=default, low=low, high=high)

    return _field("integer", names, read, default, str(default), about, limits=(low, high))


def number(*names: str, default: float, low: float, high: float, about: str) -> Any:
    """A number."""

    def read(env: Env) -> float:
        return env.number(*names, default=default, low=low, high=high)

    return _field("number", names, read, default, f"{default:g}", about, limits=(low, high))


def boolean(name: str, *, default: bool, about: str) -> Any:
    """Yes or no."""
    return _field(
        "boolean", (name,), lambda env: env.boolean(name, default=default), default, str(default).lower(), about
    )


def secrets(name: str, *, about: str) -> Any:
    """Several secrets separated by commas, as a tuple; empty if it is not set."""
    return _field("secret", (name,), lambda env: env.secrets(name), (), "", about, secret=True)


def secret(name: str, *, about: str) -> Any:
    """A secret chosen by the operator."""
    return _field("secret", (name,), lambda env: env.secret(name), "", "", about, secret=True)


def key(name: str, *, about: str) -> Any:
    """A secret chosen by a vendor: its length is not checked."""
    return _field("secret", (name,), lambda env: env.text(name), "", "", about, secret=True)


def custom(name: str, read: Callable[[Env], Any], *, default: Any, shown: str, about: str, secret: bool = False) -> Any:
    """A setting read by a function of its own, which raises SettingError."""
    return _field("custom", (name,), read, default, shown, about, secret=secret)


def _field(
    kind: Kind,
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
    declared = Setting(kind, names, read, shown, about, secret, limits, internal)
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, repr=not secret, metadata={KEY: declared})
    return field(default=default, repr=not secret, metadata={KEY: declared})
