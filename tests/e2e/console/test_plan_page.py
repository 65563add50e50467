"""The planner's page: sliders over the command's arithmetic."""

import asyncio
import re
import sys

from sim.processes import ROOT
from tests.support.browser import PHONE, barriers, chromium, holds, needs_chromium, opened

pytestmark = needs_chromium


async def test_sliders_change_the_sum_and_the_address_keeps_them():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "plan", "--page", "--no-browser"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            printed = (await process.stdout.readuntil(b"Ctrl-C")).decode()
        url = re.search(r"http://127\.0\.0\.1:\d+/\S+/", printed)[0]
        async with chromium() as browser, opened(browser, url) as watched:
            page = watched.page
            await page.get_by_text("5,000 calls").wait_for()
            await page.get_by_role("heading", name="AWS, a month").wait_for()
            before = await page.inner_text("#clouds")
            assert "Sum, with the minutes at list prices" in before
            assert await barriers(page) == []
            await page.get_by_label("Length of a call").focus()
            await page.keyboard.press("ArrowRight")
            await holds(page, f"document.getElementById('clouds').innerText !== {before!r}")
            await page.get_by_label("The agent's vendor").select_option("none")
            await page.get_by_text("Sum, infrastructure only").first.wait_for()
            await page.reload()
            await page.get_by_text("3.5 minutes").first.wait_for()
            assert await page.get_by_label("The agent's vendor").input_value() == "none"
            await page.set_viewport_size(PHONE)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert watched.complaints == []
    finally:
        process.terminate()
        await process.wait()
