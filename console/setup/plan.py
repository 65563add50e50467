"""Computes what has to be changed; no I/O."""

from collections.abc import Collection
from dataclasses import dataclass, field

from common.documents import Document, at, mapping, text
from console.checks.finding import Verdict
from console.elevenlabs.configured import Wishes
from console.elevenlabs.observation import Observation, Put, PutTool, WebhookWork, patched
from console.elevenlabs.tools import TOOL_IDS, observe_tools, with_tool_ids
from console.elevenlabs.wanted import observe
from console.elevenlabs.webhook import (
    AT_AGENT,
    CHECKS,
    TRANSCRIPT,
    assigned,
    observe_assignment,
    observe_delivery,
    retries,
    same_url,
)


@dataclass(frozen=True)
class Situation:
    """What was found. `agent_id` empty: `agent` is to be created. `webhooks` None: the key may not read them."""

    agent_id: str
    agent: Document
    tools: list[Document]
    settings: Document = field(default_factory=dict)
    webhooks: list[Document] | None = None


@dataclass(frozen=True)
class Wanted:
    """What was requested. `webhook_url` empty: the webhook stays. `leave`: checks not to fix."""

    wishes: Wishes
    webhook_url: str = ""
    retries: bool = False
    """Switch the webhook's retries on even where the API doesn't tell whether they are."""
    leave: Collection[str] = ()


@dataclass(frozen=True)
class WebhookPlan:
    """`webhook_id` empty: to be created. `enable`: enable it, and its retries."""

    url: str
    webhook_id: str
    name: str
    enable: bool
    options: Document | None
    """The agent's webhook settings, without the webhook's id; None: its present webhook stays."""


@dataclass(frozen=True)
class Plan:
    """`changes`: what will be fixed; `left`: what is not as wanted and stays."""

    situation: Situation
    changes: tuple[Observation, ...]
    left: tuple[Observation, ...]
    webhook: WebhookPlan | None

    @property
    def tools(self) -> list[PutTool]:
        """Tools to create, to change or to add to the agent."""
        return [one.mend for one in self.changes if isinstance(one.mend, PutTool)]

    @property
    def changes_agent(self) -> bool:
        """Whether the agent itself changes, not only its tools and webhook."""
        attaches = any(not tool.attached for tool in self.tools)
        assigns = self.webhook is not None and self.webhook.options is not None
        return attaches or assigns or any(isinstance(one.mend, Put) for one in self.changes)

    @property
    def creates_webhook(self) -> bool:
        return self.webhook is not None and not self.webhook.webhook_id

    def puts(self, tool_ids: list[str], webhook_id: str) -> list[Put]:
        """Everything to set in the agent, with the ids of the objects it refers to."""
        agent = self.situation.agent
        puts = [one.mend for one in self.changes if isinstance(one.mend, Put)]
        if tool_ids:
            puts.append(Put(TOOL_IDS, with_tool_ids(agent, tool_ids)))
        if self.webhook and self.webhook.options is not None:
            options = {"post_call_webhook_id": webhook_id, **self.webhook.options}
            # the whole section: whether a PATCH merges inside it is undocumented
            puts.append(Put(AT_AGENT[:-1], {**mapping(agent, *AT_AGENT[:-1]), AT_AGENT[-1]: options}))
        return puts


def known_checks() -> list[str]:
    """Checks that may be left unfixed."""
    of_the_agent = [*observe({}, Wishes()), *observe_tools({}, [], Wishes(recorded=True))]
    return [*(one.check for one in of_the_agent), *CHECKS]


def make_plan(situation: Situation, wanted: Wanted, now: float) -> Plan:
    """`now`: Unix seconds."""
    observations = [
        *observe(situation.agent, wanted.wishes),
        *observe_tools(situation.agent, situation.tools, wanted.wishes),
        *_observe_webhook(situation, wanted, now),
    ]
    differing = [one for one in observations if one.verdict is not Verdict.PASS]
    changes = tuple(one for one in differing if _doable(one, wanted))
    left = tuple(one for one in differing if one not in changes)
    return Plan(situation, changes, left, _webhook_plan(situation, wanted, changes))


def side_effects(before: Document, after: Document, puts: list[Put]) -> list[str]:
    """Dotted paths in the agent that changed without being requested."""
    meant = patched(before, puts)
    parts = ("name", "tags", "conversation_config", "platform_settings", "workflow")
    # the API also returns the tools' configurations, beside their ids
    expected = {put.path for put in puts} | {(*TOOL_IDS[:-1], "tools")}
    found = [path for part in parts for path in _differing(meant.get(part), after.get(part), (part,))]
    return [".".join(path) for path in found if not any(path[: len(one)] == one for one in expected)]


def _differing(one: object, other: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = dict.fromkeys((*one, *other))
        return [found for key in keys for found in _differing(one.get(key), other.get(key), (*path, key))]
    return [] if one == other else [path]


def _doable(observation: Observation, wanted: Wanted) -> bool:
    if observation.mend is None or observation.check in wanted.leave:
        return False
    if observation.mend is WebhookWork.ASSIGN:
        return bool(wanted.webhook_url)
    return observation.verdict is not Verdict.SKIPPED or wanted.retries


def _observe_webhook(situation: Situation, wanted: Wanted, now: float) -> list[Observation]:
    if situation.webhooks is None:
        return []
    which = assigned(situation.agent, situation.settings)
    webhook = _webhook(situation, which.webhook_id)
    observations = observe_assignment(which, webhook, wanted.webhook_url)
    if webhook is not None:
        observations += observe_delivery(webhook, now)
    if wanted.webhook_url and any(one.mend is WebhookWork.ASSIGN for one in observations):
        # the state of the current one is irrelevant if another replaces it
        moot = {WebhookWork.ENABLE, WebhookWork.RETRIES}
        observations = [one for one in observations if one.mend not in moot and one.check != "webhook.failures"]
    return observations


def _webhook_plan(situation: Situation, wanted: Wanted, changes: tuple[Observation, ...]) -> WebhookPlan | None:
    works = {one.mend for one in changes if isinstance(one.mend, WebhookWork)}
    which = assigned(situation.agent, situation.settings)
    if WebhookWork.ASSIGN in works:
        same = [one for one in situation.webhooks or () if same_url(text(one, "webhook_url"), wanted.webhook_url)]
        webhook = next((one for one in same if text(one, "auth_type") in {"hmac", ""}), {})
        options: Document | None = _options(which.options if which.is_agents_own else {})
        # also if the API doesn't show retries, so that the next run finishes an interrupted one
        enable = webhook.get("is_disabled") is not False or retries(webhook) is not True
    elif works:
        webhook = _webhook(situation, which.webhook_id) or {}
        options = _options(which.options) if WebhookWork.OPTIONS in works else None
        enable = bool(works & {WebhookWork.ENABLE, WebhookWork.RETRIES})
    else:
        return None
    url = text(webhook, "webhook_url") or wanted.webhook_url
    name = text(webhook, "name") or "Calls of the relay"
    return WebhookPlan(url, text(webhook, "webhook_id"), name, enable, options)


def _webhook(situation: Situation, webhook_id: str) -> Document | None:
    return next((one for one in situation.webhooks or () if text(one, "webhook_id") == webhook_id), None)


def _options(there: Document) -> Document:
    """The current settings, without those that keep transcripts from being sent, and without the webhook itself."""
    listed = at(there, "events")
    events = [str(event) for event in listed] if isinstance(listed, list) else []
    kept = {key: value for key, value in there.items() if value is not None and key != "post_call_webhook_id"}
    if "transcript_format" in kept:
        kept["transcript_format"] = "json"
    if "exclude_transcript" in kept:
        kept["exclude_transcript"] = False
    return kept | {"events": list(dict.fromkeys([*events, TRANSCRIPT]))}
