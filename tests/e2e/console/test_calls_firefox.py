"""The explorer in Firefox: dates, selects and Back differ between browsers.

Letters and arrows are typed. A window that nobody sees has no focus in Firefox, so Enter presses no button and the
parts of a date take no keys: those are done to the elements instead. Chromium's test does all of it by keyboard.
"""

from tests.e2e.console.test_calls_page import CALLS, explorer
from tests.support.firefox import DOWN, firefox, needs_firefox

pytestmark = needs_firefox

FOCUSED = "document.activeElement.name || document.activeElement.id || document.activeElement.tagName"
ROWS = "document.querySelectorAll('#rows tr').length"


async def test_form_and_place_stay_in_firefox_too(tmp_path):
    async with explorer(tmp_path) as (url, _, _), firefox() as browser:
        await browser.goto(url)
        await browser.holds(f"document.getElementById('progress').textContent === '{CALLS + 2:,} calls'", 60)
        await browser.value("void (location.hash = '#/calls')")
        await browser.holds(f"{ROWS} === 50")
        for typed in ("0002-11-20", "2026-11-20"):
            await browser.value(
                "(() => { const day = document.querySelector('[name=first_day]'); day.focus();"
                f" day.value = '{typed}'; day.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
            )
        await browser.holds("location.hash.includes('first_day=2026-11-20')")
        assert await browser.value(FOCUSED) == "first_day"
        await browser.value("document.querySelector('[name=agent]').focus()")
        await browser.type(DOWN + DOWN)
        await browser.holds("location.hash.includes('agent=')")
        assert await browser.value(FOCUSED) == "agent"
        await browser.value("document.querySelector('[name=text]').focus()")
        await browser.type("saturday tw")
        await browser.holds("location.hash.includes('text=saturday+tw')")
        assert await browser.value(FOCUSED) == "text"
        await browser.value("document.getElementById('reset').click()")
        await browser.holds(f"{ROWS} === 50 && !location.hash.includes('text')")
        await browser.value("document.getElementById('more').click()")
        await browser.holds(f"{ROWS} === 100")
        await browser.value("document.querySelectorAll('#rows a')[90].focus()")
        place = await browser.value("scrollY")
        assert place > 1000
        await browser.value("document.activeElement.click()")
        await browser.holds("!document.getElementById('call').hidden && document.querySelector('.item.turn')")
        await browser.back()
        await browser.holds(f"{ROWS} === 100 && Math.abs(scrollY - {place}) < 60")
