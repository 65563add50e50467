"""A real browser for tests of the console's pages: Debian's chromium, driven by playwright."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

needs_chromium = pytest.mark.skipif(
    not shutil.which(CHROMIUM) and not os.environ.get("CI"),
    reason="NOT TESTED: the console's pages need chromium (make tools-console installs it where it may)",
)
"""In CI a missing browser is a failure, elsewhere a loud skip."""


@dataclass
class Watched:
    """A page, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@asynccontextmanager
async def chromium(*arguments: str, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser of its own. `microphone`: a WAV file that plays, over and over, in the place of one."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    sound = [*fake, f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *sound, *arguments])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, url: str, *, scripts: tuple[str, ...] = (), **context: Any
) -> AsyncIterator[Watched]:
    """A page at `url`, in a context of its own; what its console complains of is collected."""
    settings = {"viewport": LAPTOP, "reduced_motion": "reduce", **context}
    inside = await browser.new_context(**settings)
    page = await inside.new_page()
    watched = Watched(page)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: watched.complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.set_default_timeout(20_000)
    for script in scripts:
        await page.add_init_script(script)
    await page.goto(url)
    try:
        yield watched
    finally:
        await inside.close()


async def holds(page: Page, expression: str, *, timeout_s: float = 20.0) -> None:
    """Wait until `expression` is true in the page. Playwright's own way evaluates inside it, which the CSP forbids."""
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(expression):  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.02)


async def barriers(page: Page) -> list[str]:
    """What axe finds that would keep somebody out, WCAG 2.2 AA and best practice."""
    results = await Axe().run(page)
    return [
        f"{found['id']}: {found['help']}: {node['html'][:120]}"
        for found in results.response["violations"]
        for node in found["nodes"]
    ]


async def picture(page: Page, name: str, folder: Path) -> None:
    """A screenshot; into docs/images/ when UPDATE_SCREENSHOTS is set, else into `folder`. Small enough for a README."""
    path = (IMAGES if os.environ.get("UPDATE_SCREENSHOTS") else folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=path)
    assert path.stat().st_size < 200_000
