"""Carries out a plan, in an order in which every finished step is useful: tools, webhook, agent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from common.documents import text
from console.elevenlabs.client import Api, ApiError
from console.elevenlabs.observation import PutTool, patched
from console.setup.plan import Plan, WebhookPlan

Say = Callable[[str], None]
KeepSecret = Callable[[str], None]
"""Is given a new webhook's secret, which is shown only once."""


class UnfinishedError(Exception):
    """Some steps are done. The text says what went wrong; `undone` names the remaining steps."""

    def __init__(self, error: ApiError, undone: list[str]) -> None:
        self.undone = undone
        super().__init__(str(error))


@dataclass
class Made:
    """Ids of the agent and of its tools and webhook, as far as known."""

    agent_id: str
    webhook_id: str
    tool_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    title: str
    run: Callable[[Api, Made], Awaitable[None]]


async def carry_out(plan: Plan, api: Api, say: Say, keep_secret: KeepSecret) -> Made:
    """Reports each step. Raises UnfinishedError; running the command again then finishes it."""
    made = Made(plan.situation.agent_id, plan.webhook.webhook_id if plan.webhook else "")
    steps = list(_steps(plan, keep_secret))
    for index, step in enumerate(steps):
        try:
            await step.run(api, made)
        except ApiError as error:
            raise UnfinishedError(error, [left.title for left in steps[index:]]) from None
        say(f"done: {step.title}")
    return made


def _steps(plan: Plan, keep_secret: KeepSecret) -> list[_Step]:
    steps = [_tool(tool) for tool in plan.tools]
    if plan.webhook:
        steps += _webhook(plan.webhook, keep_secret)
    if not plan.situation.agent_id:
        steps.append(_new_agent(plan))
    elif plan.changes_agent:
        steps.append(_agent(plan))
    return steps


def _tool(tool: PutTool) -> _Step:
    name = text(tool.config, "name")

    async def run(api: Api, made: Made) -> None:
        tool_id = tool.tool_id or await api.create_tool(tool.config)
        if tool.tool_id and not tool.in_shape:
            await api.replace_tool(tool.tool_id, tool.config)
        if not tool.attached:
            made.tool_ids.append(tool_id)

    what = "create" if not tool.tool_id else "take" if tool.in_shape else "change"
    return _Step(f"{what} the tool {name}", run)


def _webhook(webhook: WebhookPlan, keep_secret: KeepSecret) -> list[_Step]:
    async def create(api: Api, made: Made) -> None:
        made.webhook_id, secret = await api.create_webhook(webhook.name, webhook.url)
        keep_secret(secret)

    async def enable(api: Api, made: Made) -> None:
        await api.enable_webhook(made.webhook_id, webhook.name)

    steps = [] if webhook.webhook_id else [_Step(f"create the webhook to {webhook.url}", create)]
    return [*steps, _Step("switch the webhook and its retries on", enable)] if webhook.enable else steps


def _agent(plan: Plan) -> _Step:
    async def run(api: Api, made: Made) -> None:
        await api.patch_agent(made.agent_id, patched({}, plan.puts(made.tool_ids, made.webhook_id)))

    return _Step("change the agent", run)


def _new_agent(plan: Plan) -> _Step:
    agent = plan.situation.agent

    async def run(api: Api, made: Made) -> None:
        made.agent_id = await api.create_agent(patched(agent, plan.puts(made.tool_ids, made.webhook_id)))

    return _Step(f"create the agent {text(agent, 'name')}", run)
