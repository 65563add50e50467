"""The page of running calls in a real browser: two relays, one of which writes the folder itself.

The other's events go through the functions. Each relay has a call, and neither has an open port for the page: what is
wanted of a call reaches it.
"""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

from console.live.app import PAGE, Live
from console.live.running import Running
from console.web.local_page import open_page
from functions.common.store import open_store
from functions.local import application
from sim.caller import Step, When
from sim.serving import serving
from sim.speech import line
from tests.support.browser import PHONE, barriers, chromium, holds, needs_chromium, opened, picture
from tests.support.relay_world import EVENTS_SECRET, GREETING, relay_world

pytestmark = needs_chromium
AGENTS = """
[agents.front]
id = "agent_0"
[agents.back]
id = "agent_1"
"""
WORDS = line("agent_greeting").text
STAYS = (Step(when=When.AT, ms=200_000, hang_up=True),)


@asynccontextmanager
async def two_relays(folder):
    """Two relays with a call each, over one folder; and the page. Yields its address and the relays' worlds."""
    store = folder / "store"
    environ = {"STORE": f"file:{store}", "EVENTS_SECRET": EVENTS_SECRET, "EXOTEL_TOKEN": "token-of-nobody-at-all"}
    async with AsyncExitStack() as stack:
        functions = await stack.enter_async_context(serving(application(environ)))
        events = {"events_url": f"{functions}/relay/events", "events_secret": EVENTS_SECRET}
        by_itself = {"store": store, "progress_s": 2.0}
        worlds = []
        for name, settings in (("one", by_itself), ("two", {**by_itself, **events})):
            (folder / name).mkdir()
            entered = relay_world(folder / name, GREETING, GREETING, settings=settings, agents_toml=AGENTS)
            worlds.append(await stack.enter_async_context(entered))
        talking = [
            asyncio.create_task(world.call(script=STAYS, from_=f"0987650000{n}")) for n, world in enumerate(worlds)
        ]
        live = Live(f"file:{store}", Running(open_store(f"file:{store}")), "asha")
        try:
            yield await stack.enter_async_context(open_page(PAGE, live.routes())), worlds, store
        finally:
            for call in talking:
                call.cancel()
            await asyncio.gather(*talking, return_exceptions=True)


async def no_barrier_and_no_sideways_scrolling(page):
    assert await barriers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def told(world):
    """What the fake agents of a relay were told that nobody had said."""
    found = (message for one in world.agents.conversations for message in one.messages)
    return [message.text for message in found if message.kind == "contextual_update"]


async def test_running_calls_are_followed_and_handled_on_whichever_relay(tmp_path):
    async with two_relays(tmp_path) as (url, (one, two), store), chromium() as browser:
        async with opened(browser, url, locale="en-GB", timezone_id="Asia/Kolkata") as watched:
            page = watched.page
            await page.get_by_text("2 calls", exact=True).wait_for()
            await page.get_by_text(WORDS).nth(1).wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            await a_note_by_keyboard_alone(page, one)
            await page.evaluate("document.getElementById('store').textContent = 'file:data'")
            await picture(page, "live", tmp_path)
            await page.get_by_role("link", name="All running calls").click()
            await the_other_call_is_ended(page, store)
            assert told(one) == ["The parcel is in Pune."]
            assert told(two) == []
            assert watched.complaints == []
        async with opened(
            browser, url, viewport=PHONE, color_scheme="dark", locale="en-GB", forced_colors="active"
        ) as watched:
            page = watched.page
            await page.locator("#rows a").first.wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            await page.locator("#rows a").first.click()
            await page.get_by_role("heading", name="Words").wait_for()
            await page.get_by_text("End the call", exact=True).click()
            await no_barrier_and_no_sideways_scrolling(page)
            assert watched.complaints == []


async def a_note_by_keyboard_alone(page, world):
    """From the list to the answer without a mouse; No is what Enter means first."""
    row = page.get_by_role("row").filter(has_text="***0000")
    await row.get_by_role("link").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="***0000 with front").wait_for()
    await page.get_by_role("log").get_by_text(WORDS).wait_for()
    await page.locator("summary", has_text="Tell the agent something").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("The parcel is in Pune.")
    for key in ("Tab", "Tab", "Enter"):
        await page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Tell the agent of ***0000: “The parcel is in Pune.”").wait_for()
    await no_barrier_and_no_sideways_scrolling(page)
    await page.keyboard.press("Enter")
    await holds(page, "!document.getElementById('confirm').open")
    assert await page.get_by_label("What the agent should know").input_value() == "The parcel is in Pune."
    for key in ("Enter", "Tab", "Enter"):
        await page.keyboard.press(key)
    await page.get_by_text("tell the agent something “The parcel is in Pune.” by asha: done").wait_for()
    assert told(world) == ["The parcel is in Pune."]
    await no_barrier_and_no_sideways_scrolling(page)


async def the_other_call_is_ended(page, store):
    await page.get_by_role("row").filter(has_text="***0001").get_by_role("link").click()
    await page.get_by_role("heading", name="***0001 with front").wait_for()
    await page.get_by_text("show numbers").click()
    await page.get_by_role("heading", name="09876500001 with front").wait_for()
    await page.get_by_text("End the call", exact=True).click()
    await page.get_by_label("Why, for the record").fill("a test")
    await page.get_by_role("button", name="End the call…").click()
    await page.get_by_role("button", name="Yes, do it").click()
    await page.get_by_text("This call is over. Its record").wait_for()
    assert not await page.get_by_role("button", name="End the call…").is_visible()
    await page.get_by_role("link", name="All running calls").click()
    await page.get_by_text("1 call", exact=True).wait_for()
    [record] = [
        json.loads(path.read_bytes()) for path in (store / "logs").glob("*.json") if b"operator" in path.read_bytes()
    ]
    assert (record["end_reason"], record["ended_by"], record["end_detail"]) == (
        "operator_ended",
        "operator",
        "asha: a test",
    )
    assert [(one["do"], one["by"], one["outcome"]) for one in record["commands"]] == [("end", "asha", "done")]
    assert not list(store.glob(f"pending/*/{record['call_sid']}/*-hand*"))
