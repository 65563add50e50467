"""Reads settings from environment variables: each is read once and checked, and errors name it.

Every deployable has a frozen dataclass of settings and a `from_env` that reads like the configuration table:

    env = Env(os.environ)
    Settings(port=env.integer("PORT", "BRIDGE_PORT", default=8080, low=1, high=65535), ...)

If a setting has several names, the first that is set wins; an empty variable counts as unset.
"""

import json
from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from common.credentials import SECRET_LENGTH, BasicAuth


class SettingError(ValueError):
    """One line for the operator: the variable, its value (hidden if secret) and the expected value."""

    def __init__(self, name: str, value: str | None, expected: str, *, secret: bool = False) -> None:
        self.name = name
        self.expected = expected
        if value is None:
            super().__init__(f"{name} is not set: expected {expected}")
        else:
            super().__init__(f"{name}={'(hidden)' if secret else repr(value)}: expected {expected}")


class Env:
    """Typed access to `environ`. Every method raises SettingError for an invalid value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, *names: str, default: str = "") -> str:
        """The value without surrounding white space."""
        _, value = self._find(names)
        return default if value is None else value

    def required(self, name: str, expected: str) -> str:
        """A value without a default; `expected` says what to set."""
        _, value = self._find((name,))
        if value is None:
            raise SettingError(name, None, expected)
        return value

    def integer(self, *names: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        name, value = self._find(names)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise SettingError(name, value, f"a whole number from {low} to {high}")
        return number

    def number(self, *names: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        name, value = self._find(names)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = nan
        if not low <= number <= high:  # refuses nan
            raise SettingError(name, value, f"a number from {low:g} to {high:g}")
        return number

    def boolean(self, *names: str, default: bool) -> bool:
        """true/false, 1/0, yes/no or on/off."""
        name, value = self._find(names)
        if value is None:
            return default
        if value.lower() in {"1", "true", "yes", "on"}:
            return True
        if value.lower() in {"0", "false", "no", "off"}:
            return False
        raise SettingError(name, value, "true or false")

    def choice(self, *names: str, default: str, choices: Sequence[str]) -> str:
        """One of `choices`, in upper or lower case."""
        name, value = self._find(names)
        if value is None:
            return default
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise SettingError(name, value, "one of " + ", ".join(choices))

    def words(self, *names: str) -> tuple[str, ...]:
        """Values separated by commas, for instance the valid secrets during a rotation."""
        _, value = self._find(names)
        return tuple(word for part in (value or "").split(",") if (word := part.strip()))

    def secret(self, name: str) -> str:
        """A secret chosen by the operator; empty if it is not set."""
        _, value = self._find((name,))
        return "" if value is None else _long_enough(name, value)

    def secrets(self, name: str) -> tuple[str, ...]:
        """Like `words`, for secrets chosen by the operator."""
        return tuple(_long_enough(name, word) for word in self.words(name))

    def basic_auth(self, name: str) -> BasicAuth | None:
        """`user:password`, the password with the minimal length of a secret; None if it is not set."""
        _, value = self._find((name,))
        if value is None:
            return None
        if (credentials := BasicAuth.parse(value)) is None:
            raise SettingError(name, value, "user:password", secret=True)
        _long_enough(name, credentials.password, "user:password with a password of ")
        return credentials

    def mapping(self, *names: str) -> dict[str, str]:
        """A JSON object of strings."""
        name, value = self._find(names)
        if value is None:
            return {}
        expected = 'a JSON object of strings such as {"name": "value"}'
        try:
            parsed = json.loads(value, object_pairs_hook=_each_once)
        except _TwiceError as twice:
            raise SettingError(name, value, f"each name once, but {twice} appears twice") from None
        except ValueError:
            raise SettingError(name, value, expected) from None
        if not isinstance(parsed, dict) or not all(isinstance(item, str) for item in parsed.values()):
            raise SettingError(name, value, expected)
        return parsed

    def _find(self, names: Sequence[str]) -> tuple[str, str | None]:
        for name in names:
            if value := self._environ.get(name, "").strip():
                return name, value
        return names[0], None


class _TwiceError(ValueError):
    """A JSON object has the same name twice; parsers silently keep the last one."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _long_enough(name: str, secret: str, of: str = "") -> str:
    if len(secret) < SECRET_LENGTH:
        expected = f"{of}{SECRET_LENGTH} characters or more, such as `openssl rand -hex 24` prints"
        raise SettingError(name, secret, expected, secret=True)
    return secret
