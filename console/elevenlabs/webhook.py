"""The post-call webhook: which one gets an agent's conversations, and does it arrive? No I/O (elevenlabs.md A5.6)."""

from dataclasses import dataclass
from typing import Final

from common.documents import Document, at, mapping, number, text
from console.checks.finding import Verdict
from console.elevenlabs.observation import Observation, WebhookWork

AT_AGENT: Final = ("platform_settings", "workspace_overrides", "webhooks")
TRANSCRIPT: Final = "transcript"
CHECKS: Final = (
    "webhook.configured",
    "webhook.url",
    "webhook.events",
    "webhook.format",
    "webhook.enabled",
    "webhook.auto_disabled",
    "webhook.retries",
    "webhook.auth",
    "webhook.failures",
)
_RECENT_S: Final = 86_400


@dataclass(frozen=True)
class Assigned:
    """The webhook of an agent: its own, else the workspace's. `webhook_id` empty: none."""

    webhook_id: str
    where: str
    options: Document
    """`events`, `transcript_format`, `exclude_transcript` (elevenlabs.md A5.1)."""

    @property
    def is_agents_own(self) -> bool:
        return self.where.startswith(AT_AGENT[0])


def assigned(agent: Document, settings: Document) -> Assigned:
    """`settings`: those of the workspace."""
    own = mapping(agent, *AT_AGENT)
    if text(own, "post_call_webhook_id"):
        return Assigned(text(own, "post_call_webhook_id"), ".".join(AT_AGENT), own)
    common = mapping(settings, "webhooks")
    if not text(common, "post_call_webhook_id"):
        return Assigned("", ".".join(AT_AGENT), own)
    return Assigned(text(common, "post_call_webhook_id"), "the workspace's webhooks", common)


def observe_assignment(which: Assigned, webhook: Document | None, url: str) -> list[Observation]:
    """The webhook set for one agent. `webhook`: the one with that id, None if the workspace has none.

    `url`: where it should post, empty if unknown.
    """
    where = f"{which.where}.post_call_webhook_id"
    if webhook is None:
        found = f"{which.webhook_id}, which does not exist" if which.webhook_id else "not set"
        why = "Transcripts and transfers decided after the call come from nowhere but the repair, minutes later."
        wanted = f"a webhook to {url}" if url else "a webhook to the webhook function"
        return [Observation("webhook.configured", where, found, Verdict.FAIL, wanted, why, WebhookWork.ASSIGN)]
    name = text(webhook, "name") or which.webhook_id
    observations = [Observation("webhook.configured", where, name), _events(which), _format(which)]
    goes_to = text(webhook, "webhook_url")
    if url and not same_url(goes_to, url):
        why = "The webhook function gets no webhook of these calls."
        wanted = url if which.is_agents_own else f"{url}, for this agent alone"
        observations.append(
            Observation("webhook.url", f"the URL of {name}", goes_to, Verdict.FAIL, wanted, why, WebhookWork.ASSIGN)
        )
    elif url:
        observations.append(Observation("webhook.url", f"the URL of {name}", goes_to))
    return observations


def _events(which: Assigned) -> Observation:
    where = f"{which.where}.events"
    listed = at(which.options, "events")
    events = [str(event) for event in listed] if isinstance(listed, list) else [TRANSCRIPT]  # unset means transcripts
    found = ", ".join(events) or "empty"
    if TRANSCRIPT not in events:
        why = "The one event that tells how a call went is not sent."
        return Observation("webhook.events", where, found, Verdict.FAIL, f"also {TRANSCRIPT}", why, WebhookWork.OPTIONS)
    if "audio" in events or which.options.get("send_audio") is True:
        why = (
            "An audio webhook can be larger than a cloud function may receive, and never comes twice: use FETCH_AUDIO."
        )
        return Observation("webhook.events", where, found, Verdict.WARN, "without audio", why)
    return Observation("webhook.events", where, found)


def _format(which: Assigned) -> Observation:
    where = f"{which.where}.transcript_format"
    kind = text(which.options, "transcript_format") or "json"
    if kind != "json":
        why = "It can only be archived; the call's record then waits for the repair."
        return Observation("webhook.format", where, kind, Verdict.WARN, "json", why, WebhookWork.OPTIONS)
    if which.options.get("exclude_transcript") is True:
        why = "Records then have no words."
        where = f"{which.where}.exclude_transcript"
        return Observation("webhook.format", where, "true", Verdict.WARN, "false", why, WebhookWork.OPTIONS)
    return Observation("webhook.format", where, "json, transcript included")


def observe_delivery(webhook: Document, now: float) -> list[Observation]:
    """State of the webhook itself, whichever agents use it. `now`: Unix seconds."""
    name = text(webhook, "name") or text(webhook, "webhook_id")
    return [_enabled(webhook, name), _retries(webhook, name), _signed(webhook, name), _failures(webhook, name, now)]


def _enabled(webhook: Document, name: str) -> Observation:
    if webhook.get("is_auto_disabled") is True:
        why = "ElevenLabs gave up after ten failures in a row; fix what failed, then switch it on again."
        found = (
            f"switched off by ElevenLabs, last answer {text(webhook, 'most_recent_failure_error_code') or 'unknown'}"
        )
        return Observation("webhook.auto_disabled", name, found, Verdict.FAIL, "enabled", why, WebhookWork.ENABLE)
    if webhook.get("is_disabled") is True:
        return Observation(
            "webhook.enabled", name, "disabled", Verdict.FAIL, "enabled", "Nothing is sent.", WebhookWork.ENABLE
        )
    return Observation("webhook.enabled", name, "enabled")


def retries(webhook: Document) -> bool | None:
    """None if the API doesn't show it: the documented answer has no such field, though it can be set."""
    value = webhook.get("retry_enabled")
    return value if isinstance(value, bool) else None


def _retries(webhook: Document, name: str) -> Observation:
    why = "A webhook that comes while the function is away for a moment is lost; the repair fetches it minutes later."
    match retries(webhook):
        case True:
            return Observation("webhook.retries", f"retries of {name}", "on")
        case False:
            return Observation(
                "webhook.retries", f"retries of {name}", "off", Verdict.WARN, "on", why, WebhookWork.RETRIES
            )
    found = "not shown by the API; they are off unless somebody switched them on"
    return Observation("webhook.retries", f"retries of {name}", found, Verdict.SKIPPED, "on", why, WebhookWork.RETRIES)


def _signed(webhook: Document, name: str) -> Observation:
    kind = text(webhook, "auth_type")
    if kind not in {"hmac", ""}:
        why = "The webhook function accepts only webhooks signed with the secret."
        return Observation(
            "webhook.auth", f"authentication of {name}", kind, Verdict.FAIL, "hmac", why, WebhookWork.ASSIGN
        )
    return Observation("webhook.auth", f"authentication of {name}", "hmac")


def _failures(webhook: Document, name: str, now: float) -> Observation:
    where = f"deliveries of {name}"
    at_unix = number(webhook, "most_recent_failure_timestamp")
    if at_unix is not None and now - at_unix < _RECENT_S:
        code = text(webhook, "most_recent_failure_error_code") or "no status"
        found = f"failed {max(0.0, now - at_unix) / 3600:.1f} h ago with {code}"
        return Observation(
            "webhook.failures", where, found, Verdict.WARN, "none for a day", "That call's webhook is lost."
        )
    return Observation("webhook.failures", where, "without a failure for a day")


def same_url(one: str, other: str) -> bool:
    """Equal except for a trailing slash."""
    return one.rstrip("/") == other.rstrip("/")
