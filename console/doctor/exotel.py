"""Checks the Exotel account: credentials, the number, its flow, how many streams it may have.

What the API does not show (the applets of a flow and their settings, features enabled by support) is `skipped`, with
where to look.
"""

from collections.abc import AsyncIterator

from common.env import Env, SettingError
from common.phone import mask, to_e164
from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from console.exotel.account import MUMBAI, SINGAPORE, Account, is_set_up
from console.exotel.client import ExotelClient
from console.exotel.errors import ExotelError, Refused, Throttled
from console.exotel.facts import ExoPhone, Streams
from console.words import counted

SETTINGS_PAGE = "Exotel's dashboard, Settings, API settings"


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """Findings `exotel.…`. Sends three requests to Exotel; places no call."""
    if not is_set_up(subject.environ):
        yield Finding(
            "exotel.credentials",
            Verdict.SKIPPED,
            "EXOTEL_SID, EXOTEL_API_KEY and EXOTEL_API_TOKEN are not set: nothing of the account was looked at.",
            f"Set them from {SETTINGS_PAGE}, to have the account checked and to place calls; taking calls needs none.",
        )
        return
    try:
        client = ExotelClient(subject.session, Account.from_env(subject.environ))
    except SettingError as error:
        yield Finding("exotel.credentials", Verdict.FAIL, f"{error}.", f"Correct it from {SETTINGS_PAGE}.")
        return
    try:
        streams = await client.streams()
    except ExotelError as error:
        yield _no_entry(client.account, error)
        return
    host = client.account.base_url.host
    yield Finding("exotel.credentials", Verdict.PASS, f"{host} accepts the key and token of {client.account.sid}.")
    yield _streams(streams, subject)
    yield await _balance(client)
    async for finding in _number(client, subject):
        yield finding
    yield Finding(
        "exotel.enabled",
        Verdict.SKIPPED,
        "Whether KYC is done, and Voicebot applet and Connect Voice AI are switched on, the API does not tell.",
        "Look for the Voicebot applet in the flow editor; for outgoing calls ask Exotel's support to enable Connect "
        "Voice AI. A 400 or 403 to `make call` means that it is not. A trial account speaks an announcement into "
        "the start of each call.",
    )


def _no_entry(account: Account, error: ExotelError) -> Finding:
    """Wrong credentials and a wrong account differ only in the status."""
    other = SINGAPORE if account.base_url.host == MUMBAI else MUMBAI
    if isinstance(error, Throttled):
        return Finding(
            "exotel.credentials",
            Verdict.WARN,
            "Exotel did not look: too many requests (429).",
            "Wait a minute and try again; all programs of the account share 200 requests a minute.",
        )
    advice = {
        401: f"Copy EXOTEL_API_KEY and EXOTEL_API_TOKEN again from {SETTINGS_PAGE}; a key of one region is "
        f"unknown in the other (EXOTEL_SUBDOMAIN={other}).",
        403: f"The key may be restricted: see {SETTINGS_PAGE}.",
        404: f"Check EXOTEL_SID, and whether the account is in the other region (EXOTEL_SUBDOMAIN={other}).",
    }.get(error.status)
    if advice is None and isinstance(error, Refused):
        advice = f"Check the credentials against {SETTINGS_PAGE}."
    return Finding(
        "exotel.credentials",
        Verdict.FAIL,
        f"The account {account.sid} can't be read: {error}.",
        advice or "Try again in a minute; check this machine's network, proxy and EXOTEL_BASE_URL if it persists.",
    )


def _streams(streams: Streams, subject: Subject) -> Finding:
    """Compares the account's limit with the relay's: above it callers are connected to nobody (exotel.md 1.14)."""
    name = "exotel.streams"
    found = f"{streams.active} of {counted(streams.limit, 'stream')} in use."
    if streams.limit <= 0:
        return Finding(
            name, Verdict.FAIL, "The account may have no streams at all.", "Ask Exotel to enable AgentStream."
        )
    try:
        max_calls = Env(subject.environ).integer("MAX_CALLS", default=200, low=1, high=10_000)
    except SettingError as error:
        return Finding(name, Verdict.WARN, f"{found} {error}.", "Correct MAX_CALLS, to have it compared.")
    if streams.active >= streams.limit:
        return Finding(
            name, Verdict.WARN, f"{found} The next call would be throttled.", "Wait, or ask Exotel for more streams."
        )
    if streams.limit < max_calls:
        return Finding(
            name,
            Verdict.WARN,
            f"{found} One relay takes MAX_CALLS={max_calls}, so Exotel is full before it.",
            f"Callers above {streams.limit} get Streaming_call_throttled and not a busy relay: ask Exotel for more "
            f"streams, or set MAX_CALLS={streams.limit}.",
        )
    return Finding(name, Verdict.PASS, f"{found} MAX_CALLS={max_calls} fits.")


async def _balance(client: ExotelClient) -> Finding:
    try:
        balance = await client.balance()
    except ExotelError as error:
        return Finding(
            "exotel.balance",
            Verdict.SKIPPED,
            f"The balance can't be read: {error}.",
            "Look at the dashboard's billing.",
        )
    found = f"The balance is {balance.amount:.2f} {balance.currency} ({balance.plan or 'no plan named'})."
    if balance.amount <= 0 and "post" not in balance.plan.lower():
        return Finding("exotel.balance", Verdict.FAIL, found, "Recharge the account: calls are refused without credit.")
    return Finding("exotel.balance", Verdict.PASS, found)


async def _number(client: ExotelClient, subject: Subject) -> AsyncIterator[Finding]:
    """The number that takes and places calls, and its flow."""
    given = subject.environ.get("EXOTEL_CALLER_ID", "").strip()
    if not given:
        yield Finding(
            "exotel.number",
            Verdict.SKIPPED,
            "EXOTEL_CALLER_ID is not set: no number was looked for.",
            "Set it to your ExoPhone, in any Indian spelling.",
        )
        return
    number = to_e164(given)
    if number is None:
        yield Finding(
            "exotel.number",
            Verdict.FAIL,
            f"EXOTEL_CALLER_ID ({mask(given)}) is not a number that E.164 can express.",
            "Write it as +91 and ten digits.",
        )
        return
    try:
        phones = await client.numbers()
    except ExotelError as error:
        yield Finding(
            "exotel.number",
            Verdict.SKIPPED,
            f"The account's numbers can't be read: {error}.",
            "Look for the number on the dashboard's page ExoPhones.",
        )
        return
    mine = next((phone for phone in phones if phone.number == number), None)
    if mine is None:
        yield Finding(
            "exotel.number",
            Verdict.FAIL,
            f"{mask(number)} is not among the account's numbers ({len(phones)}).",
            "Set EXOTEL_CALLER_ID to one of the ExoPhones of this account, or EXOTEL_SID to the account that has it.",
        )
    elif mine.can_speak is False:
        yield Finding(
            "exotel.number", Verdict.FAIL, f"{mask(number)} is not for voice.", "Take an ExoPhone that can take calls."
        )
    else:
        yield Finding("exotel.number", Verdict.PASS, f"{mask(number)} belongs to the account.")
        for finding in _flow(mine):
            yield finding


def _flow(phone: ExoPhone) -> list[Finding]:
    by_hand = Finding(
        "exotel.applet",
        Verdict.SKIPPED,
        "What the flow's applets are set to, the API does not tell.",
        "In the flow: a Voicebot applet (not Stream, which is one-way) with the relay's wss:// URL, token in its path "
        "and not in its query, Encrypt DTMF off; behind it Passthru and Connect if you hand over; a Hangup at the end.",
    )
    if phone.voice_url is None:
        return [
            Finding(
                "exotel.flow",
                Verdict.SKIPPED,
                "Which flow takes the number's calls, Exotel's answer does not say.",
                "Look at the dashboard's page ExoPhones: the number's flow must begin with the Voicebot applet.",
            ),
            by_hand,
        ]
    if not phone.voice_url:
        return [
            Finding(
                "exotel.flow",
                Verdict.WARN,
                "No flow is assigned to the number: calls to it reach nobody; calls from it are not affected.",
                "Assign your flow to it on the dashboard's page ExoPhones.",
            )
        ]
    return [
        Finding("exotel.flow", Verdict.PASS, f"Calls to the number go to flow {phone.voice_url.rsplit('/', 1)[-1]}."),
        by_hand,
    ]
