"""The recipient of alarms: asked for at a first deploy if it is not set; a deploy without one ends with a warning."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from console.deployment.terraform import Terraform

SETTING = "ALARM_EMAIL"
NOBODY_HEARS = f"\n*** NOBODY RECEIVES ALARMS: {SETTING} is not set. Put it into .env, and deploy again. ***"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")  # as in modules/*/variables.tf
_TRIES = 3


def asked(terraform: Terraform, given: Mapping[str, str], root: Path) -> str:
    """The address that a person at the terminal gives, kept in `.env`, or `.env.NAME` where ENV=NAME; "" for nobody.

    Nobody is asked without a terminal, after the first deploy, or where a setting or a file of variables says that it
    is nobody. Raises StepError.
    """
    files = (terraform.files / "terraform.tfvars", terraform.variables_file)
    said = SETTING in given or any(file and _mentions(file) for file in files)
    if said or not sys.stdin.isatty() or terraform.resources():
        return ""
    if address := _read(input):
        chosen = given.get("ENV", "").strip()
        file = root / (f".env.{chosen}" if chosen else ".env")
        _append(file, f"{SETTING}={address}")
        print(f"{SETTING}={address} is in {file.name} now.")
    return address


def _read(ask: Callable[[str], str]) -> str:
    """Until it is an address, or nothing, or was wrong too often."""
    for _ in range(_TRIES):
        try:
            address = ask("Which e-mail address should receive alarms? (empty: none) ").strip()
        except EOFError:
            break
        if not address:
            break
        if _ADDRESS.fullmatch(address):
            return address
        print(f"{address!r} is not an e-mail address: expected one such as oncall@example.com")
    print(NOBODY_HEARS)
    return ""


def _mentions(file: Path) -> bool:
    return file.exists() and bool(re.search(r"^\s*alarm_email\s*=", file.read_text(), re.MULTILINE))


def _append(file: Path, line: str) -> None:
    """Append to a file that may lack a final line break; a new one is readable only by its owner: it will hold keys."""
    text = file.read_text(encoding="utf-8-sig") if file.exists() else ""
    between = "" if not text or text.endswith("\n") else "\n"
    with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as kept:
        kept.write(f"{between}{line}\n")
