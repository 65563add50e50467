"""The words of the product: constructions that have to be read twice, and spellings that the field doesn't use.

What is read: docstrings, comments and texts of the code, the pages of the console, the documents and Terraform's files.
What stands in backticks is a name and may be anything.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CODE = ("common", "functions", "relay", "console", "scripts", "sim")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")

# pattern, why not, what to write instead
RULES = (
    (r"\blest\b", "archaic", "so that … not"),
    (r"\bwhos(?:oever|o)\b|\bwhence\b|\bthither\b|\bhitherto\b", "archaic", "the usual word"),
    (r"\bthereof\b|\btherein\b|\bhereby\b|\bthereby\b|\bwhereupon\b", "archaic", "of it, in it, so"),
    (r"\bwhoever\b", "a clause without a noun", "the client that …, anybody who …"),
    (r"(?:^|[.;:] )(?-i:Who) (?!can\b|is\b|gets\b|may\b|said\b|called\b|speaks\b|changed\b)[a-z]+s [^?]*$",
     "a clause as the subject", "a process that …, a caller who …"),
    (r"(?:^|[,.;:(] )should (?:it|one|that one|they|somebody|nobody|there|the \w+) [a-z]+[,; ]",
     "an inverted condition", "if …"),
    (r"\blet go of\b", "unusual", "release, drop"),
    (r"\bmade anew\b|\bbegun anew\b|\btaken anew\b", "unusual", "made again, rebuilt"),
    (r"\bmend(?:s|ed|ing)?\b", "unusual for software", "fix, correct"),
    (r"\btold of\b|\btells of\b|\bis told (?:once|twice)\b", "unusual", "reported"),
    (r"\bof (?:one|nobody|somebody)'s own\b", "unusual", "your own, its own"),
    (r"\bso (?:long|short|quick|large|late) an? \w+", "German order", "this long, such a long …"),
    (r"\bcame about\b|\bcome about\b", "unusual", "was made, happened"),
    (r"\bis wanted at\b|\bwhat is wanted\b", "unusual", "needed, requested"),
    (r"(?-i:\bcaller id\b|\bCaller id\b)", "spelling", "caller ID"),
    (r"\btime-?outs? \(s\)|\btime-outs?\b", "spelling", "timeout"),
    (r"\bre-try\b|\bre-tries\b", "spelling", "retry"),
    (r"\bhealth-checks?\b", "spelling", "health check"),
    (r"\bweb-sockets?\b|\bweb sockets?\b", "spelling", "WebSocket"),
    (r"\bback pressure\b", "spelling", "back-pressure"),
)  # fmt: skip
PATTERNS = [(re.compile(pattern, re.IGNORECASE), why, instead) for pattern, why, instead in RULES]


def texts() -> Iterator[tuple[Path, int, str]]:
    """File, line and text of everything that a person reads."""
    for part in CODE:
        for path in sorted((ROOT / part).rglob("*.py")):
            yield from ((path, line, text) for line, text in of_python(path.read_text()))
        for path in sorted((*(ROOT / part).rglob("*.html"), *(ROOT / part).rglob("*.js"))):
            yield from of_lines(path)
    for path in (*(ROOT / name for name in DOCUMENTS), *sorted((ROOT / "docs").glob("*.md"))):
        yield from of_lines(path)
    for path in sorted((ROOT / "infra/terraform").rglob("*.tf")):
        if ".terraform" not in path.parts:
            yield from of_lines(path)
    for path in (ROOT / "compose.yaml", ROOT / "Makefile", *sorted((ROOT / "make").glob("*.mk"))):
        yield from of_lines(path)


def of_lines(path: Path) -> Iterator[tuple[Path, int, str]]:
    yield from ((path, number, line) for number, line in enumerate(path.read_text().splitlines(), 1))


def of_python(source: str) -> Iterator[tuple[int, str]]:
    """Comments, and strings of two words or more, each with its line breaks as spaces."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, " ".join(node.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#! ")


def complaints(text: str) -> list[str]:
    """What the rules object to, each with what to write instead."""
    prose = re.sub(r"`[^`]*`", "`…`", text)
    return [
        f"{found[0]!r} ({why}): {instead}" for pattern, why, instead in PATTERNS if (found := pattern.search(prose))
    ]


def test_no_text_has_to_be_read_twice():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path, line, text in texts()
        for complaint in complaints(text)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("Who dies in between leaves a version behind.", "a process that …, a caller who …"),
        ("Should the relay die, the sweep closes the call.", "if …"),
        ("The caller id of a call.", "caller ID"),
        ("Whoever asks again gets the same.", "the client that …, anybody who …"),
    ],
)
def test_a_rule_objects(text, instead):
    assert [complaint.rpartition(": ")[2] for complaint in complaints(text)] == [instead]


@pytest.mark.parametrize(
    "text",
    ["Who gets the alarms. Empty: nobody.", "Who said what, when?", "It should be there.", "`mend` stays a name."],
)
def test_plain_sentences_pass(text):
    assert complaints(text) == []
