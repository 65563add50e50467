"""The team's page in a real browser: it asks for the password, shows calls, and lets out again."""

import asyncio

from console.calls.app import PAGE, Explorer
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.web.published_page import Guard, application
from sim.serving import serving
from tests.support.browser import barriers, chromium, needs_chromium, opened
from tests.support.many_calls import write_records
from tests.support.processes import free_port

pytestmark = needs_chromium

PASSWORD = "a password of nobody's"


async def test_a_team_logs_in_reads_and_logs_out(tmp_path):
    write_records(tmp_path / "store", 50)
    source = open_source(f"file:{tmp_path / 'store'}")
    index = Index(source.name, tmp_path / "index")
    explorer = Explorer(source, index, Refresh(source, index), Sounds(source, tmp_path), published=True)
    await asyncio.to_thread(explorer.refresh.run)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = application(PAGE, explorer.routes(), url=url, guard=Guard(PASSWORD))
    async with serving(app, port=port), chromium() as browser, opened(browser, f"{url}/") as watched:
        page = watched.page
        await page.get_by_label("Password").fill("not the password at all")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("Wrong password.").wait_for()
        assert await barriers(page) == []
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Overview").wait_for()
        await page.goto(f"{url}/#/calls")
        await page.locator("#rows tr").nth(1).wait_for()
        await page.locator("#rows a").first.click()
        await page.get_by_role("heading", name="What happened").wait_for()
        assert not await page.get_by_label("show numbers").is_visible()
        assert not await page.get_by_role("button", name="Look for new calls").is_visible()
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_label("Password").wait_for()
        await page.goto(f"{url}/")
        await page.get_by_label("Password").wait_for()
