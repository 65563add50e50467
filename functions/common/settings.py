"""Settings that both functions share: where the bucket is, and who can be called."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from common.env import Env, SettingError
from common.phone import to_e164
from common.setting import choice, custom, declaration, text
from common.text import spelling
from functions.common.redaction import ALL, Rule, Rules
from functions.common.store import Store, StoreError, open_store

Targets = Mapping[str, tuple[str, ...]]
"""Name of a target to its numbers in E.164, in the order they are dialled. The first target is the default one."""

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """Settings of both functions. Each field declares one setting (common.setting)."""

    store_url: str = text(
        "STORE", default="file:./data", about="`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `file:DIR`"
    )
    log_level: str = choice(
        "LOG_LEVEL", default="INFO", choices=LOG_LEVELS, about="`DEBUG`, `INFO`, `WARNING`, `ERROR`"
    )
    targets: Targets = custom(
        "TRANSFER_TARGETS",
        lambda env: targets(env),
        default={},
        shown="",
        about='JSON, name → number, or several with commas: `{"sales": "+919876500010, +919876500011"}`. The first is '
        "the default. Names and digits of any script; names must differ in more than case, spaces, hyphens and `_`",
    )
    team_1_number: str = text("TRANSFER_TEAM_1_NUMBER", about="target `team_1`, after those")
    team_2_number: str = text("TRANSFER_TEAM_2_NUMBER", about="target `team_2`, after that")


def store(env: Env) -> Store:
    """The store that `STORE` names."""
    url = declaration(SharedSettings, "store_url").read(env)
    try:
        return open_store(url)
    except ValueError as expected:
        raise SettingError("STORE", url, str(expected)) from None
    except StoreError as reason:
        raise SettingError("STORE", url, f"a store that can be used ({reason})") from reason


def log_level(env: Env) -> str:
    level: str = declaration(SharedSettings, "log_level").read(env)
    return level


def redaction(env: Env) -> Rules:
    """`REDACT`: names of rules separated by commas, or `all`; empty for none."""
    words = [word.lower() for word in env.words("REDACT")]
    if words == ["all"]:
        return ALL
    try:
        return frozenset(map(Rule, words))
    except ValueError:
        raise SettingError("REDACT", ", ".join(words), f"all, or some of {', '.join(sorted(Rule))}") from None


def targets(env: Env) -> Targets:
    """`TRANSFER_TARGETS`: each value is one number or several separated by commas. Then the two teams of the original
    bridge.
    """
    given = env.mapping("TRANSFER_TARGETS")
    spelt = distinct("TRANSFER_TARGETS", given)
    found = {name: _numbers("TRANSFER_TARGETS", name, value) for name, value in given.items()}
    for team in ("team_1", "team_2"):
        variable = f"TRANSFER_{team.upper()}_NUMBER"
        if (value := env.text(variable)) and spelling(team) not in spelt:
            found.setdefault(team, _numbers(variable, team, value))
    return MappingProxyType(found)


def distinct(variable: str, names: Iterable[str]) -> Mapping[str, str]:
    """Normalised spelling → name. Raises SettingError for names that differ in spelling only."""
    spelt: dict[str, str] = {}
    for name in names:
        word = spelling(name)
        if not word:
            raise SettingError(variable, name, "names with letters or digits")
        if word in spelt:
            expected = "names that differ in more than case, spaces, hyphens and underscores"
            raise SettingError(variable, f"{spelt[word]}, {name}", expected)
        spelt[word] = name
    return spelt


def find_target(targets: Targets, asked: str) -> str | None:
    """The configured name that `asked` means: any case, spaces or hyphens for underscores; the first if `asked` is
    empty.
    """
    if not asked.strip():
        return next(iter(targets), None)
    wanted = spelling(asked)
    return next((name for name in targets if spelling(name) == wanted), None)


def refusal(asked: str, targets: Targets) -> str:
    """Why nobody is called; for the agent and for the record."""
    names = ", ".join(targets) or "none: set TRANSFER_TARGETS"
    return f"{asked or 'a default target'!r} is not configured; configured are: {names}"


def _numbers(variable: str, name: str, value: str) -> tuple[str, ...]:
    numbers = []
    for part in value.split(","):
        number = to_e164(part)
        if number is None:
            raise SettingError(
                variable, f"{name}: {part.strip()}", "a number that can be made E.164, such as +919876500001"
            )
        numbers.append(number)
    return tuple(numbers)
