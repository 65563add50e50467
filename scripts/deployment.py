"""Pieces of a deployment: settings, commands, a line for each thing that is wrong, and what to paste where."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from common.phone import to_e164

ROOT = Path(__file__).resolve().parents[1]

# Settings under the names they have everywhere else in the product → the Terraform variable they become.
SETTINGS = {
    "ELEVENLABS_AGENT_ID": "elevenlabs_agent_id",
    "ELEVENLABS_API_KEY": "elevenlabs_api_key",
    "ELEVENLABS_REGION": "elevenlabs_region",
    "ELEVENLABS_WEBHOOK_SECRET": "elevenlabs_webhook_secret",
    "TRANSFER_TARGETS": "transfer_targets",
    "TRANSFER_TEAM_1_NUMBER": "transfer_team_1_number",
    "TRANSFER_TEAM_2_NUMBER": "transfer_team_2_number",
    "DOMAIN_NAME": "domain_name",
    "ALARM_EMAIL": "alarm_email",
}

_VARIABLE = re.compile(r'input variable "(\w+)"')


class Problems(Exception):  # noqa: N818  # several, not one
    """Things that are wrong, a line each, found before anything was created."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class StepError(Exception):
    """A step that failed on the way; says what, and what to do."""


def run(command: Sequence[str], *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None, text: str = "") -> None:
    """Run a command that talks to the terminal itself. Raises StepError when it fails."""
    done = subprocess.run(command, cwd=cwd, env=environ, input=text or None, text=True, check=False)
    if done.returncode:
        raise StepError(f"{' '.join(command[:2])} ended with status {done.returncode}")


def read(command: Sequence[str], *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command; its exit status and what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=environ, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


# --- Settings -----------------------------------------------------------------------------------------------------


def settings(environ: Mapping[str, str], file: Path) -> dict[str, str]:
    """`.env` and the environment, which wins. Raises Problems for a line of the file that is not NAME=VALUE."""
    found: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.partition("=")
        if not separator or not name.strip().isidentifier():
            wrong.append(f"{file.name}, line {number}: expected NAME=VALUE")
            continue
        value = value.strip()
        quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
        found[name.strip()] = value[1:-1] if quoted else value
    if wrong:
        raise Problems(wrong)
    return found | dict(environ)


def terraform_variables(given: Mapping[str, str], names: Mapping[str, str] = SETTINGS) -> dict[str, str]:
    """`TF_VAR_…` for the settings that are set. Numbers of any Indian spelling become E.164; Raises Problems.

    Everything else about a value is checked by Terraform's own validation, in one place.
    """
    variables: dict[str, str] = {}
    wrong = []
    for name, variable in names.items():
        value = given.get(name, "").strip()
        if not value:
            continue
        try:
            variables[f"TF_VAR_{variable}"] = _normal(name, value)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise Problems(wrong)
    return variables


def _normal(name: str, value: str) -> str:
    if name == "TRANSFER_TARGETS":
        try:
            targets = json.loads(value)
        except ValueError:
            targets = None
        if not isinstance(targets, dict) or not all(isinstance(numbers, str) for numbers in targets.values()):
            raise ValueError('expected a JSON object of strings such as {"support": "+919876500001"}')
        return json.dumps({target: _numbers(numbers) for target, numbers in targets.items()})
    return _numbers(value) if name.startswith("TRANSFER_TEAM_") else value


def _numbers(value: str) -> str:
    """One number or several with commas, each as E.164."""
    numbers = [(part, to_e164(part)) for part in value.split(",")]
    for part, number in numbers:
        if number is None:
            raise ValueError(f"{part.strip()!r} can't be made E.164: expected a number such as +919876500001")
    return ",".join(str(number) for _, number in numbers)


# --- Tools --------------------------------------------------------------------------------------------------------


def missing_tools(commands: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each tool that is not there or does not work: name → a command that shows that it works."""
    lines = []
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            lines.append(f"{name}: not installed")
        elif read(command)[0]:
            lines.append(f"{name}: installed, but `{' '.join(command)}` fails")
    return lines


# --- Terraform ----------------------------------------------------------------------------------------------------


def planned_problems(output: str) -> list[str]:
    """The errors in what `terraform plan -json` printed, a line each."""
    lines = []
    for line in output.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        diagnostic = message.get("diagnostic", {}) if isinstance(message, dict) else {}
        if diagnostic.get("severity") == "error":
            lines.append(_one_line(diagnostic))
    return list(dict.fromkeys(lines))


def _one_line(diagnostic: Mapping[str, str]) -> str:
    summary, detail = diagnostic["summary"], " ".join(diagnostic.get("detail", "").split("\n\n")[0].split())
    if summary == "No value for required variable" and (named := _VARIABLE.search(detail)):
        setting = {variable: name for name, variable in SETTINGS.items()}.get(named[1], f"TF_VAR_{named[1]}")
        return f"{setting} is not set, neither in the environment nor in .env"
    if summary == "Invalid value for variable" and detail:
        return detail  # our own message, which names the variable
    return ": ".join(part for part in (summary, detail) if part)


# --- After --------------------------------------------------------------------------------------------------------


def wait_for(what: str, done: Callable[[], str], patience_s: float, pause_s: float = 5) -> None:
    """Ask `done` until it answers "", which means yes; anything else is the state so far. Raises StepError."""
    give_up_at = time.monotonic() + patience_s
    said = ""
    while state := done():
        if state != said:
            print(f"waiting: {what}: {state}", flush=True)
            said = state
        if time.monotonic() >= give_up_at:
            raise StepError(f"{what}: still {state} after {patience_s:.0f} s")
        time.sleep(pause_s)


def paste_list(outputs: Mapping[str, str], *, cloud: str, webhook_secret_set: bool) -> str:
    """What to paste where, numbered, and what comes then; `outputs` as both clouds name them, `cloud` is aws or gcp."""
    steps = [
        ("Exotel, Voicebot applet, URL", outputs["voicebot_url"]),
        ("Exotel, Passthru applet behind it, URL", outputs["passthru_url"]),
        ("Exotel, Connect applet, dynamic URL, primary", outputs["connect_primary_url"]),
        ("Exotel, the same Connect applet, fallback URL", outputs["connect_fallback_url"]),
        (
            "ElevenLabs, Settings, Webhooks, post-call webhook, URL (authentication: HMAC)",
            outputs["elevenlabs_webhook_url"],
        ),
    ]
    if not webhook_secret_set:
        steps.append(("ELEVENLABS_WEBHOOK_SECRET, then deploy again", "the secret that ElevenLabs shows once (wsec_…)"))
    lines = [f"{number}. {where}:\n   {what}" for number, (where, what) in enumerate(steps, start=1)]
    commands = [
        f"ElevenLabs' side by command: make setup-elevenlabs DEPLOYMENT={cloud}",
        f"Check it all:               make doctor DEPLOYMENT={cloud}",
        f"Dashboard:                  {outputs['dashboard_url']}",
    ]
    return "\n".join(["", "Paste these:", *lines, "", *commands])


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `extra`, for Terraform."""
    return {**os.environ, **extra, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
