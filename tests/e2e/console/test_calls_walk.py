"""The explorer in a hurry: a call that runs, other scripts and zones, a slow store, links to send."""

import asyncio
import json

from console.calls.app import PAGE, Explorer
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.web.local_page import open_page
from tests.support.browser import chromium, holds, needs_chromium, opened
from tests.support.many_calls import records, write_records

pytestmark = needs_chromium

RUNNING, ARABIC = "a1" * 16, "b2" * 16


def explorer_of(folder):
    """Twelve calls, one that goes on, and one in Arabic."""
    store = folder / "store"
    write_records(store, 12)
    [usual] = records(1)
    goes_on = {"ended_at": None, "end_reason": None, "duration_s": None, "sources": ["relay"], "analysis": None}
    said = [
        {"speaker": "caller", "text": "مرحبا، أريد موعدا يوم السبت", "offset_ms": 900},
        {"speaker": "agent", "text": "بالطبع، في أي ساعة؟", "offset_ms": 4000, "interrupted": True, "heard_ms": 500},
    ]
    for sid, more in ((RUNNING, goes_on), (ARABIC, {"turns": said, "tags": ["زبون مميز"]})):
        (store / "logs" / f"{sid}.json").write_text(json.dumps({**usual, **more, "call_sid": sid}))
    source = open_source(f"file:{store}")
    index = Index(source.name, folder / "index")
    one = Explorer(source, index, Refresh(source, index), Sounds(source, folder))
    one.refresh.run()
    return one


async def test_a_running_call_other_scripts_another_zone_and_a_link_to_a_moment(tmp_path):
    one = explorer_of(tmp_path)
    async with (
        open_page(PAGE, one.routes()) as url,
        chromium() as browser,
        opened(browser, url, locale="en-GB", timezone_id="Asia/Kolkata") as watched,
    ):
        page = watched.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto(f"{url}#/calls")
        running = page.locator(f"#rows tr[data-key='{RUNNING}']")
        assert "running now" in await running.inner_text()
        assert await page.evaluate("document.getAnimations().length") == 0, "motion that nobody asked for"

        before = await running.get_by_role("link").inner_text()
        await page.get_by_label("Times in").select_option("UTC")
        await page.locator(f"tr[data-key='{RUNNING}'] a").filter(has_not_text=before).wait_for()
        assert await page.get_by_label("Times in").input_value() == "UTC", "the zone is kept"

        await page.goto(f"{url}#/calls/{RUNNING}")
        await page.locator("#call-tags", has_text="running now").wait_for()
        assert "UTC" in await page.inner_text("#call-title")

        await page.goto(f"{url}#/calls/{ARABIC}?t=7")
        for words in (page.locator(".item.turn bdi.said"), page.locator(".item.turn del bdi")):
            await words.last.wait_for()
            assert await words.last.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
        await holds(page, "document.getElementById('clock').textContent.startsWith('0:07')")
        await page.get_by_role("button", name="Copy a link to this moment").press("Enter")
        await page.get_by_text("Copied: a link to 0:07").wait_for()
        link = await page.evaluate("navigator.clipboard.readText()")
        await page.locator("#call-tags").get_by_role("link", name="زبون مميز").press("Enter")
        await holds(page, "document.querySelectorAll('#rows tr').length === 1")
        await page.goto(link)
        await holds(page, "document.getElementById('clock').textContent.startsWith('0:07')")
        await page.get_by_role("link", name="All calls").press("Enter")
        await page.wait_for_url("**/#/calls?tag=**")  # back to the list that was left, and not out of the explorer
        await holds(page, "document.querySelectorAll('#rows tr').length === 1")
        assert watched.complaints == []


async def test_a_slow_answer_is_said_after_a_moment_and_the_words_do_not_wait_for_the_sound(tmp_path):
    one = explorer_of(tmp_path)
    async with open_page(PAGE, one.routes()) as url, chromium() as browser, opened(browser, url) as watched:
        page = watched.page
        await page.locator("#headlines .card").first.wait_for()
        held = asyncio.Queue()
        await page.route("**/api/calls?", held.put)
        await page.route("**/waveform", held.put)
        await page.get_by_role("link", name="List").click()
        await page.locator("#list[aria-busy=true]").wait_for(state="attached")
        await (await asyncio.wait_for(held.get(), 20)).continue_()
        await page.locator("#list:not([aria-busy])").wait_for()
        await page.locator(f"#rows tr[data-key='{ARABIC}'] a").press("Enter")
        await page.locator(".item.turn").first.wait_for()
        sound = await asyncio.wait_for(held.get(), 20)
        assert "/waveform" in sound.request.url, "the words are there while the sound is asked for"
        await sound.continue_()
        await page.get_by_text("There is no recording of this call").wait_for()
        assert watched.complaints == []
