"""The secrets of a deployment: generated once, read back at every later deploy, renewed one by one.

During a rotation two values are valid: the current one and the previous one, stored as `NEW,OLD`. Calls and parts with
the old value still work; a second step drops it (docs/aws.md, "Rotate"). Terraform gets the values as ephemeral
variables and, to see which have changed, a number for each.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from console.deployment.steps import Problems

MADE_HERE: Final = ("media_token", "exotel_token", "control_token", "events_secret")
"""Tokens and keys between the parts; nobody has to invent them."""
WANTED: Final = ("raw_bodies_key",)
"""Made here once a setting needs one. It encrypts what is kept, so a renewed one keeps all values before it."""
GIVEN: Final = {
    "elevenlabs_api_key": "ELEVENLABS_API_KEY",
    "elevenlabs_webhook_secret": "ELEVENLABS_WEBHOOK_SECRET",
}
"""Those of others → the setting that holds them. One that is not set any more is read back like the rest."""


class Store(Protocol):
    """A cloud's secret store, for one installation."""

    def read(self, secret: str) -> str | None:
        """The current value; None if there is none yet. Raises StepError if it can't be read."""
        ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secret → value, for existing secrets."""

    installation: str
    values: Mapping[str, str] = field(repr=False)

    def terraform_variables(self) -> dict[str, str]:
        """`TF_VAR_…` of the values, and of a number for each that shows a change without showing the value."""
        versions = ",".join(f'"{name}": {self._fingerprint(name)}' for name in sorted(self.values))
        given = {f"TF_VAR_{name}": value for name, value in self.values.items()}
        return {**given, "TF_VAR_secret_versions": f"{{{versions}}}"}

    def current(self, secret: str) -> str:
        """The newest of a secret's values; "" if it has none."""
        return self.values.get(secret, "").partition(",")[0]

    def _fingerprint(self, name: str) -> int:
        digest = hashlib.sha256(f"{self.installation}/{name}/{self.values[name]}".encode()).hexdigest()
        return int(digest[:7], 16) + 1


def names(text: str, setting: str) -> set[str]:
    """The secrets named in a setting such as ROTATE=media_token,exotel_token. Raises Problems."""
    wanted = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := wanted - {*MADE_HERE, *WANTED}:
        known = ", ".join((*MADE_HERE, *WANTED))
        raise Problems([f"{setting}: no secret is called {', '.join(sorted(unknown))}; there are {known}"])
    return wanted


def wanted_by(variables: Mapping[str, Any]) -> set[str]:
    """Of WANTED, those that Terraform's variables need."""
    encrypted = variables["webhook_environment"].get("RAW_BODIES", "").strip().lower() == "encrypted"
    return {"raw_bodies_key"} if encrypted else set()


def placeholders(installation: str, given: Mapping[str, str]) -> Secrets:
    """Values of the right kind, to let Terraform check the other settings before the store is known."""
    return Secrets(installation, {name: _new() for name in (*MADE_HERE, *WANTED)} | _given(given))


def settle(
    store: Store,
    installation: str,
    given: Mapping[str, str],
    rotate: Collection[str] = (),
    drop: Collection[str] = (),
    wanted: Collection[str] = (),
) -> Secrets:
    """The secrets that the deployment gets: existing ones, given ones, and new ones for `rotate` beside the previous
    ones.

    `wanted`: of WANTED, those that the settings need. `drop`: of which only the newest stays. Raises StepError when the
    store can't be read: to make another token then would change the addresses that are pasted into Exotel.
    """
    values = {}
    for name in MADE_HERE:
        kept = store.read(name) or _new()
        newest = kept.partition(",")[0]
        values[name] = f"{_new()},{newest}" if name in rotate else newest if name in drop else kept
    for name in WANTED:
        kept = store.read(name) or (_new() if name in wanted else "")
        if kept:
            values[name] = f"{_new()},{kept}" if name in rotate else kept.partition(",")[0] if name in drop else kept
    read_back = {name: value for name in GIVEN if (value := store.read(name))}
    return Secrets(installation, values | read_back | _given(given))


def _given(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, setting in GIVEN.items() if (value := given.get(setting, "").strip())}


def _new() -> str:
    return secrets.token_urlsafe(32)
