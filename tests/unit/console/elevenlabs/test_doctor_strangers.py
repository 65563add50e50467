"""The doctor on other agents of the workspace: a public one lets anybody send conversations to our webhook."""

from console.checks.finding import Verdict
from relay.agents.elevenlabs.fake_rest import new_agent
from tests.support.elevenlabs_workspace import amiss, elevenlabs_world, make_good
from tests.support.virtual import virtual


async def strangers(world):
    return next(one for one in await world.doctor() if one.check == "webhook.strangers")


def add(world, name, *, private):
    agent = new_agent(name)
    agent["platform_settings"]["auth"]["enable_auth"] = private
    world.workspace.agents[f"agent_{name}"] = agent
    return agent


@virtual
async def test_agents_whose_conversations_go_elsewhere_are_no_matter():
    async with elevenlabs_world() as world:
        await make_good(world)
        add(world, "widget", private=False)
        assert (await strangers(world)).verdict is Verdict.PASS
        assert amiss(await world.doctor()) == {}


@virtual
async def test_a_webhook_of_the_whole_workspace_with_a_public_agent():
    async with elevenlabs_world() as world:
        await make_good(world)
        (webhook_id,) = world.workspace.webhooks
        world.workspace.settings["webhooks"]["post_call_webhook_id"] = webhook_id
        add(world, "widget", private=False)
        add(world, "internal", private=True)
        found = await strangers(world)
        assert found.verdict is Verdict.WARN
        assert "anybody can talk to: widget" in found.found
        assert "webhook of their own" in found.advice


@virtual
async def test_private_agents_on_the_same_webhook_are_reported_too():
    async with elevenlabs_world() as world:
        await make_good(world)
        (webhook_id,) = world.workspace.webhooks
        world.workspace.settings["webhooks"]["post_call_webhook_id"] = webhook_id
        add(world, "internal", private=True)
        found = await strangers(world)
        assert (found.verdict, found.found) == (
            Verdict.WARN,
            "of the workspace, one other agent can send to this webhook",
        )
