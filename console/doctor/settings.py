"""Reads the settings of relay and functions with their own code; compares them with each other and the addresses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from yarl import URL

from common.env import Env, SettingError
from common.phone import mask, mask_within, to_e164
from console.checks.finding import Finding, Verdict
from console.checks.relay_address import RelayAddress
from console.checks.subject import Subject
from console.dialling import Dialling, check_all
from functions.common.settings import targets
from functions.common.store import folder_of
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from relay.app import Relay
from relay.audio.files import SoundFileError
from relay.settings import Settings as RelaySettings

_NUMBERS = ("TRANSFER_TARGETS", "TRANSFER_TEAM_1_NUMBER", "TRANSFER_TEAM_2_NUMBER")
# A part is configured here if one of these is set: its other settings could belong to another part.
_OF_RELAY = ("ELEVENLABS_AGENT_ID", "AGENTS_FILE", "MEDIA_TOKEN", "MEDIA_BASIC_AUTH", "EVENTS_URL", "CONTROL_TOKEN")
_OF_FUNCTIONS = ("EXOTEL_TOKEN", "EXOTEL_BASIC_AUTH", "ELEVENLABS_WEBHOOK_SECRET", *_NUMBERS)
_PLACEHOLDER = "set-by-the-doctor"
_NEW_SECRET = "Make a new one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_NO_RELAY = "no setting of the relay is here: set ELEVENLABS_AGENT_ID or AGENTS_FILE, and what else it runs with"
_NO_FUNCTIONS = "no setting of the functions is here: set EXOTEL_TOKEN, and what else they run with"

T = TypeVar("T")


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """`settings.…`: one finding for each wrong setting."""
    for check in (_relay, _functions):
        for finding in check(subject.environ):
            yield finding
    # reads and converts sound files, at every rate of the line
    for finding in await asyncio.to_thread(lambda: list(_agents_and_sounds(subject.environ))):
        yield finding
    for look in (_targets, _media_auth, _addresses):
        for finding in look(subject):
            yield finding


def read_all(read: Callable[[Mapping[str, str]], T], environ: Mapping[str, str]) -> tuple[T, list[SettingError]]:
    """All errors of `read`, which stops at the first: each is corrected in a copy, and it is read again.

    Also returns the settings with all of them corrected.
    """
    wrong: dict[str, SettingError] = {}
    given = dict(environ)
    while True:
        try:
            return read(given), list(wrong.values())
        except SettingError as error:
            if error.name not in wrong and not (error.name == "TRANSFER_ON_FAILURE" and wrong.keys() & set(_NUMBERS)):
                wrong[error.name] = error
            # remove it, as if it was not set; a required setting gets some value
            given[error.name] = "" if given.get(error.name) else _PLACEHOLDER


def _relay(environ: Mapping[str, str]) -> Iterator[Finding]:
    if not _has(environ, _OF_RELAY):
        yield Finding("settings.relay", Verdict.SKIPPED, _NO_RELAY)
        return
    _, wrong = read_all(RelaySettings.from_env, _of_relay(environ))
    if wrong:
        yield from (_mistake("settings.relay", error) for error in wrong)
    else:
        yield Finding("settings.relay", Verdict.PASS, "the relay can start with its settings")


def _functions(environ: Mapping[str, str]) -> Iterator[Finding]:
    if not _has(environ, _OF_FUNCTIONS):
        yield Finding("settings.functions", Verdict.SKIPPED, _NO_FUNCTIONS)
        return
    both = [*read_all(WebhookSettings.from_env, environ)[1], *read_all(TransferSettings.from_env, environ)[1]]
    if wrong := {error.name: error for error in both if error.name not in _NUMBERS}:  # settings.targets reports those
        yield from (_mistake("settings.functions", error) for error in wrong.values())
    else:
        yield Finding("settings.functions", Verdict.PASS, "the functions can start with their settings")


def _agents_and_sounds(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Builds the agents and reads the sounds like the relay at its start; blocking."""
    if not _has(environ, _OF_RELAY):
        yield Finding("settings.agents", Verdict.SKIPPED, _NO_RELAY)
        yield Finding("settings.sounds", Verdict.SKIPPED, _NO_RELAY)
        return
    settings, _ = read_all(RelaySettings.from_env, _of_relay(environ))
    made = _made(settings)
    if isinstance(made, SettingError):
        yield _mistake("settings.agents", made)
        # without the agents, to read the sounds
        made = _made(replace(settings, agents_file="", elevenlabs_agent_id=_PLACEHOLDER))
    else:  # agents are built first: a relay that fails on a sound has them
        listed = ", ".join(f"{one.alias} ({one.vendor})" for one in made.roster) if isinstance(made, Relay) else "all"
        yield Finding("settings.agents", Verdict.PASS, f"the agents can be used: {listed}")
    if isinstance(made, SoundFileError):
        yield Finding(
            "settings.sounds", Verdict.FAIL, str(made), "Correct or replace the file; the relay does not start."
        )
    else:
        sound = settings.ambience or "no ambience is set"
        yield Finding("settings.sounds", Verdict.PASS, f"the sounds can be read and converted ({sound})")


def _made(settings: RelaySettings) -> Relay | SettingError | SoundFileError:
    """A relay, or why it can't start."""
    try:
        return Relay(settings)
    except (SettingError, SoundFileError) as error:
        return error


def _targets(subject: Subject) -> Iterator[Finding]:
    check = "settings.targets"
    found, wrong = read_all(lambda environ: targets(Env(environ)), subject.environ)
    if wrong:
        yield from (_mistake(check, error) for error in wrong)
    elif refused := _refused_targets(subject.environ, found):
        for sentence in refused:
            yield Finding(check, Verdict.FAIL, sentence, "Correct TRANSFER_TARGETS, or widen COUNTRIES.")
    elif found:
        listed = "; ".join(f"{name}: {', '.join(map(mask, numbers))}" for name, numbers in found.items())
        yield Finding(check, Verdict.PASS, f"callers can be connected to {listed}")
    else:
        missing = "no transfer targets: set TRANSFER_TARGETS to connect callers to people"
        yield Finding(check, Verdict.SKIPPED, missing)


def _refused_targets(environ: Mapping[str, str], found: Mapping[str, tuple[str, ...]]) -> list[str]:
    try:
        return check_all(found, Dialling.from_env(environ, to_e164(environ.get("EXOTEL_CALLER_ID", "")) or ""))
    except SettingError as error:
        return [str(error)]


def _media_auth(subject: Subject) -> Iterator[Finding]:
    """`settings.media_auth`: a public relay requires a token or a password."""
    check, env = "settings.media_auth", Env(subject.environ)
    address = _address(subject)
    guarded = env.text("MEDIA_TOKEN", "MEDIA_BASIC_AUTH") or (address and (address.token or address.authorization))
    public = env.text("PUBLIC_URL").startswith("wss://") or (address is not None and address.secure)
    if guarded:
        yield Finding(check, Verdict.PASS, "the media socket asks for a token or a password")
    elif public:
        advice = "Set MEDIA_TOKEN at the relay, and paste wss://HOST/media/TOKEN. " + _NEW_SECRET
        yield Finding(check, Verdict.FAIL, "the relay is public and asks for neither token nor password", advice)
    else:
        yield Finding(
            check, Verdict.SKIPPED, "no public address is known, and neither MEDIA_TOKEN nor MEDIA_BASIC_AUTH"
        )


def _addresses(subject: Subject) -> Iterator[Finding]:
    """`settings.addresses`: the secrets in addresses match the settings."""
    check, env = "settings.addresses", Env(subject.environ)
    address = _address(subject)
    pairs = [
        ("the relay's address", address.token if address else "", env.text("MEDIA_TOKEN"), "MEDIA_TOKEN"),
        *(
            (f"the {name} URL", _query_token(url), env.text("EXOTEL_TOKEN"), "EXOTEL_TOKEN")
            for name, url in (("Connect", subject.connect_url), ("Passthru", subject.passthru_url))
        ),
    ]
    compared = [
        (name, token in env.words(variable), variable) for name, token, value, variable in pairs if token and value
    ]
    for name, same, variable in compared:
        if not same:
            advice = f"Paste the address with the token of {variable}, or set {variable} to that of the address."
            yield Finding(check, Verdict.FAIL, f"{name} has a different token than {variable}", advice, cause=variable)
    if not compared:
        yield Finding(check, Verdict.SKIPPED, "no address and its setting are both known here")
    elif all(same for _, same, _ in compared):
        names = ", ".join(name for name, *_ in compared)
        yield Finding(check, Verdict.PASS, f"these have the tokens of the settings: {names}")


def _address(subject: Subject) -> RelayAddress | None:
    try:
        return RelayAddress.parse(subject.relay_url)
    except ValueError:
        return None  # relay.address reports the error


def _query_token(url: str) -> str:
    return URL(url).query.get("token", "")


def _has(environ: Mapping[str, str], names: tuple[str, ...]) -> bool:
    return any(environ.get(name, "").strip() for name in names)


def _of_relay(environ: Mapping[str, str]) -> dict[str, str]:
    """Without STORE if it is the functions' bucket: the relay writes to folders only, and not at all if it posts its
    events.

    Access is checked by `settings.media_auth`, which knows the relay's address too.
    """
    relay = {name: value for name, value in environ.items() if name != "STORE" or folder_of(value)}
    return {"MEDIA_OPEN": "1", **relay}


def _mistake(check: str, error: SettingError) -> Finding:
    """The error as finding and expectation; its value may contain a full number."""
    said = str(error).removesuffix(f": expected {error.expected}")
    return Finding(
        check, Verdict.FAIL, mask_within(said), f"Expected: {error.expected}.", cause=f"setting {error.name}"
    )
