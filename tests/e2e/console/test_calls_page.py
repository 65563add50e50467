"""The explorer in a real browser, over some thousands of calls and one that can be heard."""

import asyncio
import csv
import json
from contextlib import asynccontextmanager
from pathlib import Path

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
            await page.get_by_role("heading", name="Overview").wait_for()
            headline = page.locator("#headlines .card", has_text="Cost a call")
            assert "$" in await headline.inner_text()
            figures = page.locator("#headlines .card .figure")
            assert await figures.locator("a").count() == await figures.count() > 10  # each leads to its calls
            await no_barrier_and_no_sideways_scrolling(page)
            await page.goto(f"{url}#/calls")
            await page.locator("#rows tr").nth(1).wait_for()
            await no_barrier_and_no_sideways_scrolling(page)
            await page.goto(f"{url}#/calls/{sid}")
            await page.get_by_role("heading", name="What happened").wait_for()
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
        await page.route("**/api/calls?", held.put)
        await page.get_by_role("button", name="Clear all").click()
        late_answer = await asyncio.wait_for(held.get(), 20)
        await page.get_by_role("combobox", name="Records").select_option("1")
        await page.get_by_text("The record is damaged").wait_for()
        assert page.url.endswith("/#/calls?unreadable=1")
        async with page.expect_event("requestfinished"):
            await late_answer.continue_()
        assert await page.locator("#rows tr").count() == 1, "the late answer replaced the later one"
        assert watched.complaints == []


async def focused(page):
    """The id, name or key of what has the focus."""
    return await page.evaluate(
        "(({activeElement: a}) => a.id || a.name || a.closest('[data-key]')?.dataset.key || a.tagName)(document)"
    )


async def test_by_keyboard_alone_form_and_place_stay(tmp_path):
    """Each change rebuilt the page: a date fired at year 0002, an arrow key on a select threw the focus to main, a new
    call took it from a row, and Back forgot place and rows."""
    async with explorer(tmp_path) as (url, _, store), chromium() as browser, opened(browser, url) as watched:
        page = watched.page
        await page.get_by_text(f"{CALLS + 2:,} calls").first.wait_for()
        await page.goto(f"{url}#/calls")
        await page.locator("#rows tr").nth(49).wait_for()
        await page.get_by_label("From").focus()
        await page.keyboard.type("11202026")
        await page.wait_for_url("**first_day=2026-11-20")
        assert await focused(page) == "first_day"
        await page.get_by_role("combobox", name="Agent").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.wait_for_url("**agent=billing**")
        assert await focused(page) == "agent"
        await page.get_by_role("searchbox", name="Search words").focus()
        await page.keyboard.type("saturday tw", delay=30)  # finds as it is typed, without Enter
        await page.wait_for_url("**text=saturday+tw**")
        await holds(page, "document.querySelectorAll('#rows tr').length < 50")
        assert await focused(page) == "text"
        await page.get_by_role("button", name="Clear all").press("Enter")
        await page.locator("#rows tr").nth(49).wait_for()

        await page.get_by_role("button", name="Show more").press("Enter")
        await page.locator("#rows tr").nth(99).wait_for()
        row = page.locator("#rows tr").nth(90).get_by_role("link")
        await row.focus()
        key = await focused(page)
        [record] = records(1)
        record |= {"call_sid": "feed" * 8, "started_at": "2026-11-22T15:30:00.000Z"}
        (store / "logs" / f"{record['call_sid']}.json").write_text(json.dumps(record))
        await page.evaluate("fetch('api/refresh', {method: 'POST'})")
        await page.locator(f"#rows tr[data-key='{record['call_sid']}']").wait_for(timeout=30_000)
        assert await focused(page) == key, "a new call took the focus from a row"

        place = await page.evaluate("scrollY")
        assert place > 1000
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="What happened").wait_for()
        await page.go_back()
        await page.locator("#rows tr").nth(99).wait_for()
        await holds(page, f"Math.abs(scrollY - {place}) < 60")
        await page.reload()
        await page.locator("#rows tr").nth(99).wait_for()
        await holds(page, f"Math.abs(scrollY - {place}) < 60")
        assert watched.complaints == []


async def test_a_page_survives_a_restart_of_the_console(tmp_path):
    """One failed poll stopped the page for good; a restart made every link a dead one."""
    store, kept = tmp_path / "store", tmp_path / "door.json"
    write_records(store, 3)
    source = open_source(f"file:{store}")
    index = Index(source.name, tmp_path / "index")
    one = Explorer(source, index, Refresh(source, index), Sounds(source, tmp_path))
    one.refresh.run()
    async with chromium() as browser:
        async with open_page(PAGE, one.routes(), keep=kept) as url:
            inside = opened(browser, url)
            watched = await inside.__aenter__()
            page = watched.page
            await page.goto(url + "#/calls")
            await page.locator("#rows tr").nth(2).wait_for()
            link = await page.locator("#rows a").first.get_attribute("href")
        await page.get_by_role("button", name="Look for new calls").click()
        await page.get_by_text("The console does not answer").first.wait_for()
        async with open_page(PAGE, one.routes(), keep=kept) as again:
            assert again == url
            await page.get_by_role("button", name="Look for new calls").click()
            await page.locator("#notice").wait_for(state="hidden")
            base = url.rpartition("/")[0].rpartition("/")[0]
            await page.goto(f"{base}/{link}")  # a bookmark: no word in it
            await page.get_by_role("heading", name="What happened").wait_for()
        await inside.__aexit__(None, None, None)


async def test_a_failed_call_says_why_first_and_hostile_words_stay_words(tmp_path):
    """Two clicks from the list to why calls failed; and what people write runs nowhere and widens nothing."""
    store = tmp_path / "store"
    write_records(store, 20)
    [record] = records(1)
    record |= {
        "call_sid": "bad1" * 8,
        "end_reason": "agent_failed",
        "agents": [
            {"alias": "day", "vendor": "elevenlabs", "end_reason": "http_401", "level_db": -29.2, "clipped": 3},
        ],
        "agents_version": "7-3fa9c1d02b6e",
        "quality": {"answer_ms": {"p50": 810, "p95": 1420, "max": 1500, "n": 9}, "line_ms": None, "lead_ms": 60},
        "turns": [
            {"speaker": "caller", "text": "<img src=x onerror=alert(1)>\nsecond line " + "w" * 4000, "offset_ms": 900},
            {"speaker": "caller", "text": "مرحبا \u202eabc", "offset_ms": 1900},
            {"speaker": "system", "text": "a note", "offset_ms": 2000},
        ],
        "analysis": {"data_collection_results": {"plan": {"value": {"name": "gold"}, "rationale": "said so"}}},
    }
    (store / "logs" / f"{record['call_sid']}.json").write_text(json.dumps(record))
    source = open_source(f"file:{store}")
    index = Index(source.name, tmp_path / "index")
    one = Explorer(source, index, Refresh(source, index), Sounds(source, tmp_path))
    one.refresh.run()
    async with (
        open_page(PAGE, one.routes()) as url,
        chromium() as browser,
        opened(browser, url + "#/calls", viewport=PHONE) as watched,
    ):
        page = watched.page
        await page.locator("#rows tr").nth(5).wait_for()
        await page.get_by_text("Filters and order").click()
        await page.get_by_role("combobox", name="Failed of").select_option("key_refused")
        await holds(page, "document.querySelectorAll('#rows tr').length === 1")
        await page.locator("#rows").get_by_text("ElevenLabs refused the API key.").wait_for()
        await page.locator("#rows a").first.click()
        await page.locator("#cause-sentence", has_text="ElevenLabs refused the API key.").wait_for()
        assert "ELEVENLABS_API_KEY" in await page.inner_text("#cause-advice")
        said = page.locator(".item.turn .said")
        assert "<img src=x" in await said.nth(0).inner_text()
        assert "\nsecond line" in await said.nth(0).inner_text()
        assert "[U+202E]abc" in await said.nth(1).inner_text()
        assert "System" not in await page.inner_text("#timeline")
        assert await page.get_by_text("system", exact=True).is_visible()
        assert '{"name":"gold"}' in await page.inner_text("#side")
        assert "said so" in await page.inner_text("#side")
        side = await page.inner_text("#side")
        assert "7-3fa9c1d02b6e" in side, "which agents' file the call began with"
        assert "810 ms, 95 % within 1,420 ms" in side, "of several answers; it was NaN s"
        assert "NaN" not in side
        assert "It speaks 9 dB too quietly" in side
        assert "3 samples at full scale" in side
        await no_barrier_and_no_sideways_scrolling(page)
        for media in ({"forced_colors": "active"}, {"media": "print"}, {"media": "screen", "color_scheme": "dark"}):
            await page.emulate_media(**media)
            assert await page.is_visible("#cause-sentence")
        await page.emulate_media(forced_colors="none")
        await page.set_viewport_size({"width": 640, "height": 400})  # a laptop's page at 200 %
        await page.goto(url + "#/calls")
        await no_barrier_and_no_sideways_scrolling(page)
        assert watched.complaints == []


async def test_opening_a_long_call_again_and_again_leaves_nothing_behind(tmp_path):
    """Thirty opens took the page from 1,345 nodes to 136,285."""
    store = tmp_path / "store"
    write_records(store, 3)
    long, other = records(2)
    turns = [{"speaker": "caller", "text": f"sentence {n}", "offset_ms": n * 1000} for n in range(800)]
    (store / "logs" / f"{long['call_sid']}.json").write_text(json.dumps({**long, "turns": turns}))
    source = open_source(f"file:{store}")
    index = Index(source.name, tmp_path / "index")
    one = Explorer(source, index, Refresh(source, index), Sounds(source, tmp_path))
    one.refresh.run()
    async with open_page(PAGE, one.routes()) as url, chromium() as browser, opened(browser, url) as watched:
        page = watched.page
        tools = await page.context.new_cdp_session(page)

        async def opens(times):
            for _ in range(times):
                for call, count in ((long, 800), (other, len(other["turns"]))):
                    await page.evaluate(f"location.hash = '#/calls/{call['call_sid']}'")
                    await holds(page, f"document.querySelectorAll('.item.turn').length === {count}")
            await tools.send("HeapProfiler.collectGarbage")
            return await tools.send("Memory.getDOMCounters")

        first = await opens(3)
        last = await opens(30)
        assert last["nodes"] < first["nodes"] * 1.2 + 500
        assert last["jsEventListeners"] < first["jsEventListeners"] * 1.2 + 50
        assert watched.complaints == []


async def test_without_scripts_the_page_says_what_it_needs(tmp_path):
    async with explorer(tmp_path) as (url, _, _), chromium() as browser:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(url)
        assert "needs JavaScript" in await page.inner_text("body")
        await context.close()


async def the_list(page, folder):
    await page.get_by_text(f"{CALLS + 2:,} calls").first.wait_for()  # it is being indexed while we look
    await page.get_by_role("link", name="List").click()
    await page.get_by_role("link", name="22 Nov, 19:35").wait_for()
    await picture_of_calls(page, "calls-list", folder)
    await no_barrier_and_no_sideways_scrolling(page)
    assert await page.locator("#rows tr").count() == 50
    await page.get_by_role("button", name="Show more").click()
    await page.locator("#rows tr").nth(99).wait_for()
    await page.get_by_label("Search words").fill("saturday tw")
    await holds(page, "document.getElementById('found').textContent !== '2,002 calls'")
    await page.wait_for_url("**saturday**")
    await page.get_by_role("combobox", name="Agent").select_option("billing")
    await holds(page, "[...document.querySelectorAll('td.agent')].every((cell) => cell.textContent === 'billing')")
    await page.go_back()
    await holds(page, "[...document.querySelectorAll('td.agent')].some((cell) => cell.textContent !== 'billing')")
    await page.get_by_role("button", name="Clear all").click()
    await page.get_by_role("combobox", name="Records").select_option("1")
    await page.get_by_text("The record is damaged").wait_for()
    await page.get_by_role("link", name="time unknown").click()
    await page.locator("#call-problem").get_by_text("It was cut off").wait_for()
    await page.goto(page.url.partition("#")[0] + "#/calls?text=zebra")
    await page.get_by_text("No call matches these filters.").wait_for()
    await page.get_by_role("button", name="Clear all").click()
    await page.get_by_role("combobox", name="Tag").select_option("vip")
    await holds(page, "[...document.querySelectorAll('td.about')].every((cell) => cell.textContent.includes('vip'))")
    await page.get_by_role("combobox", name="Look-up").select_option("timeout")
    await holds(page, "[...document.querySelectorAll('td.notes')].every((cell) => /look-up/.test(cell.textContent))")
    await page.locator("#rows a").first.click()
    await page.get_by_role("heading", name="Look-up before the greeting").wait_for()
    assert "no answer in time" in await page.inner_text("#side")
    await page.locator("#call-tags").get_by_role("link", name="vip").click()
    await page.wait_for_url("**/#/calls?tag=vip")
    await page.get_by_role("button", name="Clear all").click()
    await page.get_by_role("combobox", name="Version").select_option("agtvrsn_7")
    await page.wait_for_url("**/#/calls?agent_version=agtvrsn_7")
    await page.goto(page.url.partition("#")[0] + "#/calls?criterion=answered%3Dfailure&hour=9")
    await page.get_by_role("button", name="Only answered: failure").click()
    await page.wait_for_url("**/#/calls?hour=9")
    await page.get_by_role("button", name="Clear all").click()
    await page.wait_for_url("**/#/calls")


async def the_call(page, url, sid, folder):
    await page.goto(f"{url}#/calls/{sid}")
    cut = page.locator(".item.turn.agent", has_text="We have three clinics")
    assert "station" in await cut.inner_text()
    assert "sees patients" in await cut.locator("del").inner_text()
    assert "Estimated: 5.9 s were heard" in await cut.inner_text()
    assert await page.get_by_text("no answer ***0010").is_visible()
    assert await page.get_by_text("answered ***0011, talked 1:35").is_visible()
    assert await page.get_by_text("Tool transfer_to_human").is_visible()
    cost = page.locator("section", has=page.get_by_role("heading", name="Cost", exact=True))
    assert "started minutes, both legs of the transfer with them" in await cost.inner_text()
    assert "say --cloud aws or gcp" in await cost.inner_text()
    await page.get_by_role("button", name="Play from 0:07").click()
    await page.get_by_role("button", name="Pause").wait_for()
    await page.locator(".item.now", has_text="We have three clinics").wait_for()
    await page.get_by_role("button", name="Pause").click()
    await picture_of_calls(page, "calls-call", folder)
    place = page.get_by_role("slider", name="Place in the call")
    await place.focus()
    await page.keyboard.press("Home")
    assert await place.get_attribute("aria-valuetext") == "0:00 of 0:20"
    await place.click(position={"x": 5, "y": 20})
    await page.get_by_role("button", name="Pause").wait_for()  # "click to play from there" plays
    await page.get_by_role("button", name="Next interruption").click()
    await holds(page, "Number(document.getElementById('wave').getAttribute('aria-valuenow')) >= 10")
    await page.get_by_label("Search in this call").fill("saturday")
    await page.get_by_text("2 found").wait_for()  # what the caller said, and what the tool was given
    assert await page.locator("#timeline > li:visible").count() == 2
    await page.get_by_label("Search in this call").fill("")
    await no_barrier_and_no_sideways_scrolling(page)
    assert "9876543210" not in await page.inner_text("main")
    await page.get_by_label("show numbers").check()
    await page.get_by_text("+919876543210").wait_for()
    assert await page.get_by_role("button", name="Pause").is_visible(), "the sound plays on"
    await page.get_by_role("button", name="Pause").click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="One HTML file").click()
    sent = Path(await (await download.value).path()).read_text()
    assert "***3210" in sent
    assert "9876543210" not in sent
    assert "data:audio/wav" in sent
    await page.goto(f"{url}#/calls/{sid}?t=13")
    await page.reload()
    await holds(page, "document.getElementById('wave').getAttribute('aria-valuetext') === '0:13 of 0:20'")
    await page.get_by_label("show numbers").check()
    await page.get_by_text("events/e1.json").click()
    await page.get_by_text('"type": "call.transfer_requested"').wait_for()


async def the_trends(page, url, folder):
    await page.goto(f"{url}#/trends")
    await page.get_by_role("figure").nth(9).wait_for()
    await picture_of_calls(page, "calls-trends", folder)
    await no_barrier_and_no_sideways_scrolling(page)
    await page.locator("#charts").get_by_text("As a table").first.click()
    cells = await page.locator("#charts figure").first.locator("tbody td").all_inner_texts()
    assert sum(int(cell) for cell in cells) == CALLS + 1
    await page.get_by_label("Days since a change").fill("2026-11-10")
    await page.wait_for_url("**/#/trends?pivot=2026-11-10")
    await page.get_by_role("columnheader", name="From that day on").wait_for()
    await page.locator("#filters [name=agent]").select_option("billing")
    await page.wait_for_url("**agent=billing&pivot=2026-11-10")
    await page.get_by_label("A version of the agent").select_option("agtvrsn_8")
    await page.get_by_role("columnheader", name="agtvrsn_7").wait_for()
    address = page.url
    await page.reload()  # what is compared is a part of the address
    await page.get_by_role("columnheader", name="agtvrsn_7").wait_for()
    assert await page.get_by_label("A version of the agent").input_value() == "agtvrsn_8"
    await no_barrier_and_no_sideways_scrolling(page)
    figure = page.get_by_role("row", name="Handled without a human")
    assert "points" in await figure.inner_text()
    transferred = page.locator("#compared tr", has_text="Calls").locator("a").first
    calls = await transferred.inner_text()
    await transferred.click()
    await page.wait_for_url("**agent_version=agtvrsn_7**")
    await holds(page, f"document.getElementById('found').textContent === '{calls} calls'")
    await page.go_back()
    await page.get_by_role("columnheader", name="agtvrsn_7").wait_for()
    assert page.url == address
    await page.locator("#charts").get_by_text("As a table").first.click()
    await page.locator("#charts figure").first.locator("tbody td a").first.click()  # a figure leads to its calls
    await page.locator("#rows tr").first.wait_for()
    assert "first_day=" in page.url
    await page.go_back()


async def the_exports(page, url, folder):
    await page.goto(f"{url}#/calls?agent=billing")
    for kind in ("JSONL", "CSV"):
        async with page.expect_download() as download:
            await page.get_by_role("link", name=kind).click()
        await (await download.value).save_as(folder / kind)
    await holds(page, "[...document.querySelectorAll('td.agent')].every((cell) => cell.textContent === 'billing')")
    total = int((await page.inner_text("#found")).split()[0].replace(",", ""))
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
