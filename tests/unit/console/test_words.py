"""Counts, names, and the commands that the console prints: each is one that runs."""

import ast
import os
import re
import shlex
import subprocess

import pytest

from console.__main__ import COMMANDS
from console.words import counted, make, named
from sim.processes import ROOT

PRODUCT = [path for part in ("console", "relay", "functions", "common", "sim") for path in (ROOT / part).rglob("*.py")]


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1000, "1,000 calls"), (1.5, "1.5 calls")]
)
def test_a_count_has_the_right_plural(number, said):
    assert counted(number, "call") == said


def test_a_plural_of_its_own_and_names_as_words():
    assert counted(2, "reply", "replies") == "2 replies"
    assert named("no_answer") == "no answer"


def test_a_printed_command_can_be_pasted():
    assert make("setup-elevenlabs", AGENT="front desk", ARGS="--retries") == (
        "make setup-elevenlabs AGENT='front desk' ARGS=--retries"
    )


def test_every_make_target_that_is_printed_exists_and_no_command_is_printed_that_is_not_on_the_path():
    """The doctor advised `console setup elevenlabs …`, which no shell knows."""
    database = subprocess.run(["make", "-qp", "help"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", database, re.MULTILINE))
    assert {"doctor", "setup-elevenlabs", "run"} <= targets
    for path in PRODUCT:
        for said in _printed(path.read_text(encoding="utf-8")):
            for target in re.findall(r"(?:^|[ `(])make ([a-z]+(?:-[a-z]+)*)\b(?!-)", said):
                assert target in targets | PROSE, f"{path.relative_to(ROOT)}: make {target}: {said}"
            for command in COMMANDS:
                bare = re.search(rf"(?<!-m )\bconsole {command} [-a-z]", said)
                assert not bare, f"{path.relative_to(ROOT)}: {said}"


PROSE = {"a", "it", "one", "new", "the", "this", "up", "sure", "no", "calls", "outgoing", "both", "an", "them", "your"}
"""Words behind "make" where it is a verb."""


@pytest.mark.parametrize(
    ("command", "means"),
    [
        (make("setup-elevenlabs", AGENT="reception"), "setup elevenlabs --agent reception"),
        (
            make("setup-elevenlabs", AGENT="a", WEBHOOK="https://f.example.com/webhook/post-call", ARGS="--retries"),
            "setup elevenlabs --agent a --webhook-url https://f.example.com/webhook/post-call --retries",
        ),
        (make("doctor", ARGS="--relay wss://r.example.com/media/T"), "doctor --relay wss://r.example.com/media/T"),
        (make("doctor", DEPLOYMENT="aws", ARGS="--slow"), "doctor --deployment aws --slow"),
    ],
)
def test_a_command_of_the_doctors_reaches_the_console_as_it_is_meant(command, means):
    # as in a shell of its own: below `make test` make would say more
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    done = subprocess.run(
        [*shlex.split(command), "-n"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    line = done.stdout.replace("\\\n", " ").strip().splitlines()[-1]
    assert shlex.split(line.partition("-m console ")[2]) == shlex.split(means)


def _printed(source: str) -> list[str]:
    """The strings of a module that are no docstrings, f-strings with … for what is filled in."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
            found.append(node.value)
    return found
