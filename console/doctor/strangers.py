"""Which other conversations reach our webhook? Anybody can start one with a public agent of the workspace.

Such a conversation is signed like any other. The functions set it aside, because it lacks the relay's proof
(SECURITY.md); still it is better if it never comes.
"""

from collections.abc import Collection
from typing import Final

from common.documents import Document, mapping, text
from console.checks.finding import Finding, Verdict
from console.elevenlabs.client import Api, ApiError
from console.elevenlabs.webhook import assigned

CHECK: Final = "webhook.strangers"
_LOOKED_AT: Final = 20
_ADVICE: Final = (
    "Give our agents a webhook of their own instead of the workspace's (`make setup-elevenlabs` does), or switch "
    "authentication on at the public ones (Security → Enable authentication)."
)


async def examine_strangers(
    api: Api, settings: Document, ours: Collection[str], webhook_ids: Collection[str]
) -> Finding:
    """Whether other agents' conversations are posted to our webhooks. `settings`: those of the workspace."""
    try:
        others = [one for one in await api.agents() if one not in ours]
        sending, public = 0, []
        for agent_id in others[:_LOOKED_AT]:
            agent = await api.agent(agent_id)
            if assigned(agent, settings).webhook_id in webhook_ids:
                sending += 1
                if mapping(agent, "platform_settings", "auth").get("enable_auth") is not True:
                    public.append(text(agent, "name") or agent_id)
    except ApiError as error:
        return Finding(CHECK, Verdict.SKIPPED, str(error))
    beyond = f"; {len(others) - _LOOKED_AT} more were not looked at" if len(others) > _LOOKED_AT else ""
    if public:
        found = (
            f"other agents of the workspace send to this webhook, and anybody can talk to: {', '.join(public)}{beyond}"
        )
        return Finding(CHECK, Verdict.WARN, found, _ADVICE)
    if sending:
        agents = "one other agent" if sending == 1 else f"{sending} other agents"
        found = f"of the workspace, {agents} can send to this webhook{beyond}"
        return Finding(CHECK, Verdict.WARN, found, _ADVICE)
    return Finding(CHECK, Verdict.PASS, f"no other agent of the workspace sends to this webhook{beyond}")
