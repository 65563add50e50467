"""Does ElevenLabs post to our webhook function, and does the function accept signed webhooks only?"""

import secrets
from collections.abc import AsyncIterator
from typing import Final

from yarl import URL

from common.documents import Document, encode, text
from common.env import Env, SettingError
from common.signature import ELEVENLABS_HEADER, sign
from console.checks.finding import Finding, Verdict, unanswered
from console.checks.network import Answer, NoAnswerError, ask
from console.checks.subject import Subject
from console.doctor.elevenlabs import PATIENCE_S
from console.doctor.strangers import examine_strangers
from console.elevenlabs.client import Api, ApiError, Trouble
from console.elevenlabs.configured import Configured, by_workspace, configured_agents
from console.elevenlabs.observation import Observation, as_finding
from console.elevenlabs.webhook import assigned, observe_assignment, observe_delivery
from console.words import make

SAMPLE: Final = encode(
    {
        "type": "doctor_sample",
        "event_timestamp": 1_000_000_000,
        "data": {"note": "Sent by the doctor to see whether signatures are checked. Not a call."},
    }
)
"""Harmless: a type that makes no record; and always the same bytes, so that the archive has them only once."""

_PATH: Final = "/webhook/post-call"


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """Findings `webhook.…`: first ElevenLabs' settings, then the function's answers."""
    async for finding in _at_elevenlabs(subject):
        yield finding
    async for finding in _at_the_function(subject):
        yield finding


async def _at_elevenlabs(subject: Subject) -> AsyncIterator[Finding]:
    try:
        agents = [one for one in configured_agents(subject.environ) if one.agent.agent_id and one.agent.api_key]
    except SettingError as error:
        yield Finding("webhook.configured", Verdict.SKIPPED, str(error))
        return
    if not agents:
        yield Finding("webhook.configured", Verdict.SKIPPED, "needs an agent of ElevenLabs and ELEVENLABS_API_KEY")
    for (base, key), members in by_workspace(agents).items():
        api = Api(subject.session, base, key, patience_s=PATIENCE_S)
        async for finding in _workspace(api, members, subject):
            yield finding


async def _workspace(api: Api, members: list[Configured], subject: Subject) -> AsyncIterator[Finding]:
    try:
        settings, webhooks = await api.settings(), await api.webhooks()
    except ApiError as error:
        # the other part reports a bad key
        needs = "; only an administrator's key can read webhooks" if error.trouble is Trouble.PERMISSION else ""
        yield Finding("webhook.configured", Verdict.SKIPPED, f"{error}{needs}")
        return
    by_id = {text(webhook, "webhook_id"): webhook for webhook in webhooks}
    used: dict[str, Document] = {}
    for one in members:
        try:
            agent = await api.agent(one.agent.agent_id)
        except ApiError as error:  # the other part reports this too
            yield Finding("webhook.configured", Verdict.SKIPPED, f"{one.name}: {error}")
            continue
        which = assigned(agent, settings)
        webhook = by_id.get(which.webhook_id)
        for observation in observe_assignment(which, webhook, subject.webhook_url):
            yield as_finding(observation, one.alias, _remedy(observation, one, subject.webhook_url))
        if webhook is not None:
            used[which.webhook_id] = webhook
    if used:
        yield await examine_strangers(api, settings, {one.agent.agent_id for one in members}, used)
    for webhook in used.values():
        for observation in observe_delivery(webhook, subject.now()):
            yield as_finding(observation, "", _remedy(observation, members[0], text(webhook, "webhook_url")))


def _remedy(observation: Observation, one: Configured, url: str) -> str:
    if observation.mend is None:
        return "Look into this yourself, at ElevenLabs."
    blind = {"ARGS": "--retries"} if observation.verdict is Verdict.SKIPPED else {}
    command = make("setup-elevenlabs", AGENT=one.alias, WEBHOOK=url or "https://…/webhook/post-call", **blind)
    return f"`{command}` does it, after asking."


async def _at_the_function(subject: Subject) -> AsyncIterator[Finding]:
    known = Env(subject.environ).words("ELEVENLABS_WEBHOOK_SECRET")
    if not subject.webhook_url:
        yield Finding("webhook.accepts", Verdict.SKIPPED, "the webhook function's URL is not known")
        return
    if not known:
        found = (
            "ELEVENLABS_WEBHOOK_SECRET is not set here, so whether the function accepts signed webhooks was not tried"
        )
        advice = "Set it to what the function has. Without it the function refuses every webhook."
        yield Finding("webhook.secret", Verdict.WARN, found, advice)
    accepted = True
    for number, secret in enumerate(known, 1):
        which = f"signed with secret {number} of {len(known)}" if len(known) > 1 else "signed with the secret"
        finding = await _genuine(subject, secret, which)
        accepted = accepted and finding.verdict is Verdict.PASS
        yield finding
    if accepted:
        yield await _forged(subject)
    else:
        yield Finding("webhook.refuses", Verdict.SKIPPED, "can't be checked before webhook.accepts is fixed")


async def _genuine(subject: Subject, secret: str, which: str) -> Finding:
    """A sample with a valid signature must be answered with 200: ElevenLabs accepts nothing else."""
    check = "webhook.accepts"
    try:
        answer = await _post(subject, secret)
    except NoAnswerError as error:
        return _silent(check, error)
    found = f"a sample {which} was answered {answer.status}"
    match answer.status:
        case 200:
            forwarded = ", and TICKET_SERVICE_URL gets it once" if subject.environ.get("TICKET_SERVICE_URL") else ""
            return Finding(check, Verdict.PASS, f"{found}; it makes no call, inbox/ keeps it once{forwarded}")
        case 401 | 403:
            advice = (
                "Give the function and the doctor the same ELEVENLABS_WEBHOOK_SECRET: the one shown when the webhook "
                "was created. If they are the same, compare the clocks."
            )
        case 404 | 405:
            advice = f"Look at the path: the function listens at {_PATH}."
        case status if status >= 500:
            advice = "The function's log tells why; ElevenLabs repeats such a webhook only with retries on."
        case _:
            advice = (
                "ElevenLabs counts 200 and nothing else as delivered, and follows no redirect: give the URL itself."
            )
    return Finding(check, Verdict.FAIL, found, advice)


async def _forged(subject: Subject) -> Finding:
    check = "webhook.refuses"
    try:
        answer = await _post(subject, f"wsec_{secrets.token_hex(16)}")
    except NoAnswerError as error:
        return _silent(check, error)
    found = f"a sample signed with a made-up secret was answered {answer.status}"
    if answer.status == 401:
        return Finding(check, Verdict.PASS, found)
    if 200 <= answer.status < 300:
        advice = "Anybody can make up calls and transfers: something answers before the function, or it is not ours."
        return Finding(check, Verdict.FAIL, found, advice)
    return Finding(check, Verdict.WARN, found, "401 is expected: is it the webhook function that answers?")


def _silent(check: str, error: NoAnswerError) -> Finding:
    advice = "Look at the name, the certificate and the firewall: ElevenLabs does not get through either."
    return unanswered(check, "the webhook function", error, advice)


async def _post(subject: Subject, secret: str) -> Answer:
    """Raises NoAnswerError."""
    headers = {ELEVENLABS_HEADER: sign(SAMPLE, secret, subject.now()), "Content-Type": "application/json"}
    return await ask(subject.session, URL(subject.webhook_url), method="POST", headers=headers, body=SAMPLE)
