"""Checks a deployment's settings with the code that will read them, before anything is created.

Terraform checks its own variables; only the parts know whether they can use what it passes on in maps.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.env import SettingError
from console.deployment.steps import ROOT, Problems
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from relay.agents import VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.routes_file import read_from_disk
from relay.settings import Settings as RelaySettings

_SECRET = "a-secret-of-the-right-length"
_SHAPED = {
    "MEDIA_BASIC_AUTH": f"user:{_SECRET}",
    "LOOKUP_HEADERS": json.dumps({"Authorization": _SECRET}),
}
"""Secrets that are more than a word."""
_ELSEWHERE = re.compile(r"LOG_LEVEL|(HTTPS?|ALL|NO)_PROXY|OTEL_\w+|TRACE_WORDS")
"""Read by the entry points, or by libraries."""


class _Asked(dict[str, str]):
    """An environment that remembers what was looked up in it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def check(files: Path, chosen: Path | None, variables: Mapping[str, Any]) -> None:
    """Raises Problems, one line for each error in files of variables or in what the parts would read."""
    declared = {
        name for file in files.glob("*.tf") for name in re.findall(r'^variable "(\w+)"', file.read_text(), re.MULTILINE)
    }
    lines = [line for file in (files / "terraform.tfvars", chosen) if file for line in misspelt(file, declared)]
    if lines := [*lines, *problems(variables), *seed(files, variables)]:
        raise Problems(lines)


def problems(variables: Mapping[str, Any]) -> Iterator[str]:
    """One line for each setting that a part would refuse, or never read. `variables`: Terraform's, from a plan."""
    for part, given, read in _parts(variables):
        environ = _Asked(given)
        try:
            read(environ)
        except SettingError as error:
            yield f"{part}: {error}"
            continue
        for name in variables[part]:
            if name not in environ.names | _named_by_agents(variables) and not _ELSEWHERE.fullmatch(name):
                near = difflib.get_close_matches(name, environ.names, n=1)
                yield f"{part}: there is no setting {name}" + (f"; did you mean {near[0]}?" if near else "")


def seed(files: Path, variables: Mapping[str, Any]) -> Iterator[str]:
    """One line if relays could not use the agents' file that is put into the bucket."""
    if not (name := variables.get("agents_file")):
        return
    try:
        _roster(files / name)
    except SettingError as error:
        yield f"agents_file: {error}"


def misspelt(file: Path, declared: set[str]) -> Iterator[str]:
    """One line for each value in a file of variables that matches no variable; Terraform only warns of those."""
    depth = 0
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], start=1):
        code = line.split("#")[0]
        found = re.match(r"\s*(\w+)\s*=", code)
        if found and depth == 0 and found[1] not in declared:
            near = difflib.get_close_matches(found[1], declared, n=1)
            yield f"{file.name}, line {number}: there is no variable {found[1]}" + (
                f"; did you mean {near[0]}?" if near else ""
            )
        depth += sum(map(code.count, "{[(")) - sum(map(code.count, "}])"))


def _parts(variables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str], Callable[[Mapping[str, str]], object]]]:
    targets = {
        "TRANSFER_TEAM_1_NUMBER": variables["transfer_team_1_number"],
        "TRANSFER_TEAM_2_NUMBER": variables["transfer_team_2_number"],
    }
    if variables["transfer_targets"]:
        targets["TRANSFER_TARGETS"] = json.dumps(variables["transfer_targets"])
    region = {"ELEVENLABS_REGION": variables["elevenlabs_region"]}
    store = {"STORE": "file:data"}
    secrets = {name: _SHAPED.get(name, _SECRET) for name in variables["relay_secrets"]}
    relay = {
        **region,
        "ELEVENLABS_AGENT_ID": variables["elevenlabs_agent_id"],
        "ELEVENLABS_API_KEY": _SECRET,
        "EVENTS_URL": "https://functions.example/relay/events",
        "EVENTS_SECRET": _SECRET,
        "MEDIA_TOKEN": _SECRET,
        "LOOKUP_URL": variables["lookup_url"],
        "LOOKUP_SECONDS": str(variables["lookup_seconds"]),
        "LOOKUP_SHAPE": variables["lookup_shape"],
    }
    yield "relay_environment", {**relay, **secrets, **variables["relay_environment"]}, _relay
    webhook = {
        **store,
        **region,
        **targets,
        "EVENTS_SECRET": _SECRET,
        "ELEVENLABS_API_KEY": _SECRET,
        "RAW_BODIES_KEY": _SECRET,
    }
    yield "webhook_environment", {**webhook, **variables["webhook_environment"]}, _webhook
    transfer = {**store, **targets, "EXOTEL_TOKEN": _SECRET}
    yield "transfer_environment", {**transfer, **variables["transfer_environment"]}, TransferSettings.from_env


def _webhook(environ: Mapping[str, str]) -> None:
    if path := environ.get("PRICES_FILE"):
        raise SettingError("PRICES_FILE", path, "PRICES with the file's text: a function sees no file of this machine")
    WebhookSettings.from_env(environ)


def _relay(environ: Mapping[str, str]) -> None:
    settings = RelaySettings.from_env(environ)
    if settings.agents_file:
        _roster(ROOT / settings.agents_file)


def _roster(file: Path) -> None:
    read_agents_file(str(file), VENDORS, lambda name: read_from_disk(str(ROOT / name)))


def _named_by_agents(variables: Mapping[str, Any]) -> set[str]:
    """Variables that an agent of AGENTS_FILE reads under a name of its own."""
    file = ROOT / variables["relay_environment"].get("AGENTS_FILE", "none")
    return set(re.findall(r'"([A-Z][A-Z0-9_]+)"', file.read_text())) if file.is_file() else set()
