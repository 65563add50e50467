"""Settings of a deployment: `.env` and the environment, and the Terraform variables they become."""

import json
from collections.abc import Mapping
from pathlib import Path

from common.env import SettingError
from common.phone import to_e164
from console.deployment.steps import Problems
from console.dialling import Dialling

# Setting, by its usual name → Terraform variable.
SETTINGS = {
    "ELEVENLABS_AGENT_ID": "elevenlabs_agent_id",
    "ELEVENLABS_REGION": "elevenlabs_region",
    "TRANSFER_TARGETS": "transfer_targets",
    "TRANSFER_TEAM_1_NUMBER": "transfer_team_1_number",
    "TRANSFER_TEAM_2_NUMBER": "transfer_team_2_number",
    "DOMAIN_NAME": "domain_name",
    "ALARM_EMAIL": "alarm_email",
}


def settings(environ: Mapping[str, str], file: Path) -> dict[str, str]:
    """`.env` and the environment, which wins. Raises Problems for a line of the file that is not NAME=VALUE."""
    found: dict[str, str] = {}
    wrong = []
    text_of_file = file.read_text(encoding="utf-8-sig") if file.exists() else ""
    for number, line in enumerate(text_of_file.splitlines(), start=1):
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


def of_environment(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    """`.env`, what `.env.NAME` says otherwise where ENV=NAME, and the environment, which wins. Raises Problems."""
    plain = settings({}, root / ".env")
    chosen = environ.get("ENV") or plain.get("ENV", "")
    return plain | (settings({}, root / f".env.{chosen}") if chosen else {}) | dict(environ)


def terraform_variables(given: Mapping[str, str], names: Mapping[str, str] = SETTINGS) -> dict[str, str]:
    """`TF_VAR_…` for the settings that are set. Numbers of any Indian spelling become E.164; raises Problems.

    All other validation is Terraform's, in one place.
    """
    variables: dict[str, str] = {}
    wrong = []
    try:
        dialling = Dialling.from_env(given, to_e164(given.get("EXOTEL_CALLER_ID", "")) or "")
    except SettingError as error:
        raise Problems([str(error)]) from None
    for name, variable in names.items():
        value = given.get(name, "").strip()
        if not value:
            continue
        try:
            variables[f"TF_VAR_{variable}"] = _normal(name, value, dialling)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise Problems(wrong)
    return variables


def _normal(name: str, value: str, dialling: Dialling) -> str:
    if name == "TRANSFER_TARGETS":
        try:
            targets = json.loads(value)
        except ValueError:
            targets = None
        if not isinstance(targets, dict) or not all(isinstance(numbers, str) for numbers in targets.values()):
            raise ValueError('expected a JSON object of strings such as {"support": "+919876500001"}')
        return json.dumps({target: _numbers(numbers, dialling) for target, numbers in targets.items()})
    return _numbers(value, dialling) if name.startswith("TRANSFER_TEAM_") else value


def _numbers(value: str, dialling: Dialling) -> str:
    """One number, or several separated by commas, each as E.164."""
    numbers = [(part, to_e164(part)) for part in value.split(",")]
    for part, number in numbers:
        if number is None:
            raise ValueError(f"{part.strip()!r} can't be made E.164: expected a number such as +919876500001")
        try:
            dialling.check(number)
        except ValueError as error:
            raise ValueError(f"{part.strip()!r} is {error}") from None
    return ",".join(str(number) for _, number in numbers)
