"""The explorer in a real browser, over some thousands of calls and one that can be heard."""

import asyncio
import csv
import json
from contextlib import asynccontextmanager

from console.calls.app import PAGE, Explorer
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.web.local_page import open_page
from tests.support.browser import PHONE, barriers, chromium, holds, needs_chromium, opened, picture
from tests.support.call_to_hear import call_to_hear
from tests.support.many_calls import records, write_records

pytestmark = needs_chromium

CALLS = 2000


@asynccontextmanager
async def explorer(folder):
    store = folder / "store"
    write_records(store, CALLS)
    sid = call_to_hear(store)
    (store / "logs" / "damaged1.json").write_text('{"schema": 1, "call_s')
    source = open_source(f"file:{store}")
    index = Index(source.name, folder / "index")
    refresh = Refresh(source, index)
    one = Explorer(source, index, refresh, Sounds(source, folder))
    following = asyncio.create_task(one.keep_fresh())
    try:
        async with open_page(PAGE, one.routes()) as url:
            yield url, sid, store
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def picture_of_calls(page, name, folder):
    """Without this machine's folders in it."""
    await page.evaluate("document.getElementById('store').textContent = 'file:data'")
    await picture(page, name, folder)


async def no_barrier_and_no_sideways_scrolling(page):
    assert await barriers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_calls_are_found_heard_compared_and_exported(tmp_path):
    async with (
        explorer(tmp_path) as (url, sid, store),
        chromium("--autoplay-policy=no-user-gesture-required") as browser,
    ):
        async with opened(browser, url, locale="en-GB", timezone_id="Asia/Kolkata") as watched:
            page = watched.page
            await the_list(page, tmp_path)
            await the_call(page, url, sid, tmp_path)
            await the_trends(page, url, tmp_path)
            await the_exports(page, url, tmp_path)
            await a_new_call(page, url, store)
            assert watched.complaints == []
        async with opened(browser, url, viewport=PHONE, color_scheme="dark", locale="en-GB") as watched:
            page = watched.page
            await page.get_by_role("row").nth(1).wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            await page.goto(f"{url}#/calls/{sid}")
            await page.get_by_role("heading", name="What was said").wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            await page.goto(f"{url}#/trends")
            await page.get_by_role("figure").first.wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            assert watched.complaints == []


async def test_a_filter_is_added_to_the_address_and_not_to_the_page_that_it_replaces(tmp_path):
    """A click on List, then a filter before the list is there: the words of the search that was left came back."""
    async with explorer(tmp_path) as (url, _, _), chromium() as browser, opened(browser, url) as watched:
        page = watched.page
        await page.get_by_text(f"{CALLS + 2:,} calls").first.wait_for()
        await page.goto(f"{url}#/calls?text=saturday&agent=gone")
        await page.get_by_text("No call matches these filters.").wait_for()
        agent = page.get_by_role("combobox", name="Agent")
        assert await agent.locator("option:checked").inner_text() == "gone (0)"
        await agent.select_option("billing")
        await page.get_by_role("row").nth(1).wait_for()
        held = asyncio.Queue()
        await page.route(f"{url}api/calls?", held.put)
        await page.get_by_role("link", name="List").click()
        late_answer = await asyncio.wait_for(held.get(), 20)
        await page.get_by_role("combobox", name="Records").select_option("1")
        await page.get_by_text("The record is damaged").wait_for()
        assert page.url == f"{url}#/calls?unreadable=1"
        async with page.expect_event("requestfinished"):
            await late_answer.continue_()
        assert await page.get_by_role("row").count() == 2, "the late answer replaced the later one"
        assert watched.complaints == []


async def the_list(page, folder):
    await page.get_by_text(f"{CALLS + 2:,} calls").first.wait_for()  # it is being indexed while we look
    await page.get_by_role("link", name="22 Nov, 19:35").wait_for()
    await picture_of_calls(page, "calls-list", folder)
    await no_barrier_and_no_sideways_scrolling(page)
    assert await page.get_by_role("row").count() == 51
    await page.get_by_role("button", name="Show more").click()
    await page.get_by_role("row").nth(100).wait_for()
    await page.get_by_label("Search words").fill("saturday tw")
    await page.keyboard.press("Enter")
    await holds(page, "document.querySelector('.found p').textContent !== '2,002 calls'")
    assert "saturday" in page.url
    await page.get_by_role("combobox", name="Agent").select_option("billing")
    await holds(page, "[...document.querySelectorAll('td.agent')].every((cell) => cell.textContent === 'billing')")
    await page.go_back()
    await holds(page, "[...document.querySelectorAll('td.agent')].some((cell) => cell.textContent !== 'billing')")
    await page.get_by_role("link", name="List").click()
    await page.get_by_role("combobox", name="Records").select_option("1")
    await page.get_by_text("The record is damaged").wait_for()
    await page.get_by_role("link", name="time unknown").click()
    await page.get_by_text("It was cut off, or something else has written to it").wait_for()
    await page.goto(page.url.partition("#")[0] + "#/calls?text=zebra")
    await page.get_by_text("No call matches these filters.").wait_for()


async def the_call(page, url, sid, folder):
    await page.goto(f"{url}#/calls/{sid}")
    cut = page.locator(".turn.agent", has_text="We have three clinics")
    assert "station" in await cut.inner_text()
    assert "sees patients" in await cut.locator("del").inner_text()
    assert "Estimated: 5.9 s were heard" in await cut.inner_text()
    assert await page.get_by_text("no answer ***0010").is_visible()
    assert await page.get_by_text("answered ***0011, talked 1:35").is_visible()
    assert await page.get_by_text("Tool transfer_to_human").is_visible()
    await page.get_by_role("button", name="Play from 0:07").click()
    await page.get_by_role("button", name="Pause").wait_for()
    await page.locator(".turn.now", has_text="We have three clinics").wait_for()
    await page.get_by_role("button", name="Pause").click()
    await picture_of_calls(page, "calls-call", folder)
    place = page.get_by_role("slider", name="Place in the call")
    await place.focus()
    await page.keyboard.press("Home")
    assert await place.get_attribute("aria-valuetext") == "0:00 of 0:20"
    await place.click(position={"x": 5, "y": 20})
    await no_barrier_and_no_sideways_scrolling(page)
    assert "9876543210" not in await page.inner_text("main")
    await page.get_by_label("show numbers").check()
    await page.get_by_text("+919876543210").wait_for()
    await page.get_by_text("events/e1.json").click()
    await page.get_by_text('"type": "call.transfer_requested"').wait_for()


async def the_trends(page, url, folder):
    await page.goto(f"{url}#/trends")
    await page.get_by_role("figure").nth(7).wait_for()
    await picture_of_calls(page, "calls-trends", folder)
    await no_barrier_and_no_sideways_scrolling(page)
    await page.get_by_text("As a table").first.click()
    cells = await page.locator("figure").first.locator("tbody td").all_inner_texts()
    assert sum(int(cell) for cell in cells) == CALLS + 1


async def the_exports(page, url, folder):
    await page.goto(f"{url}#/calls?agent=billing")
    for kind in ("JSONL", "CSV"):
        async with page.expect_download() as download:
            await page.get_by_role("link", name=kind).click()
        await (await download.value).save_as(folder / kind)
    total = int((await page.inner_text(".found p")).split()[0].replace(",", ""))
    lines = (folder / "JSONL").read_text().splitlines()
    with (folder / "CSV").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(lines) == total
    assert "43210" not in (folder / "CSV").read_text() + "".join(lines)


async def a_new_call(page, url, store):
    """One that was made while the page is open is there when it is asked for."""
    [record] = records(1)
    record |= {"call_sid": "beef" * 8, "started_at": "2026-11-22T15:00:00.000Z"}
    (store / "logs" / f"{record['call_sid']}.json").write_text(json.dumps(record))
    await page.goto(f"{url}#/calls")
    await page.get_by_role("button", name="Look for new calls").click()
    await page.get_by_role("link", name="22 Nov, 20:30").wait_for()
