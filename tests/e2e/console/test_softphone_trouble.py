"""What the softphone says when something is wrong, and what works without a microphone."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from console.softphone.address import Address
from console.softphone.app import PAGE, Softphone
from console.web.local_page import open_page
from sim.serving import serving
from tests.support.browser import barriers, chromium, needs_chromium, opened
from tests.support.relay_world import relay_world

pytestmark = needs_chromium

NO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("Requested device not found", "NotFoundError");
};
"""


@asynccontextmanager
async def softphone(media_url, folder):
    phone = Softphone(Address.parse(media_url), folder, at_home=False)
    async with open_page(PAGE, phone.routes()) as url:
        yield url


async def dial(page, *, microphone=True):
    if not microphone:
        await page.evaluate("document.getElementById('no-microphone').checked = true")
    await page.get_by_role("button", name="Call", exact=True).click()


async def sentence(page):
    await page.wait_for_selector("#problem:not([hidden])")
    return await page.inner_text("#problem")


def relay_that_breaks_off(*, rudely):
    """Takes the call, and after a few frames is gone: its process killed (FIN), or its machine (RST)."""

    async def media(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for _ in range(20):
            await socket.receive()
        request.transport.abort() if rudely else request.transport.close()
        return socket

    app = web.Application()
    app.router.add_get("/media", media)
    return app


async def test_problems_are_reported_in_sentences(tmp_path):
    async with chromium("--deny-permission-prompts", "--use-fake-device-for-media-stream") as browser:
        async with relay_world(tmp_path, settings={"media_token": "right"}) as world:
            async with softphone(f"{world.media_url}/wrong", tmp_path) as url, opened(browser, url) as watched:
                await dial(watched.page, microphone=False)
                assert "token in its address is wrong or missing" in await sentence(watched.page)
                assert await watched.page.get_by_role("button", name="Call", exact=True).is_enabled()
            async with softphone(f"{world.media_url}/right", tmp_path) as url:
                async with opened(browser, url) as watched:
                    await dial(watched.page)
                    assert "blocks the microphone for this page" in await sentence(watched.page)
                async with opened(browser, url, scripts=(NO_MICROPHONE,)) as watched:
                    page = watched.page
                    await dial(page)
                    assert "No microphone was found" in await sentence(page)
                    assert await barriers(page) == []
                    await page.get_by_label("Call without a microphone").check()
                    await dial(page)
                    await page.get_by_text("First words").wait_for()
                    assert await page.is_hidden("#problem")
        for rudely in (False, True):
            async with (
                serving(relay_that_breaks_off(rudely=rudely)) as relay_url,
                softphone(relay_url.replace("http", "ws") + "/media", tmp_path) as url,
                opened(browser, url) as watched,
            ):
                await dial(watched.page, microphone=False)
                assert "The relay broke off in the middle of the call" in await sentence(watched.page)


async def test_keys_mute_network_drop_and_the_end_of_the_console(tmp_path):
    """Everything a caller can do besides talking, by keyboard where there is a key for it."""
    async with chromium() as browser, relay_world(tmp_path) as world:
        phone = Softphone(Address.parse(world.media_url), tmp_path, at_home=True)
        async with open_page(PAGE, phone.routes()) as url:
            inside = opened(browser, url)
            watched = await inside.__aenter__()
            page = watched.page
            await dial(page, microphone=False)
            await page.get_by_text("Connected").wait_for()
            await page.keyboard.press("4")
            await page.get_by_role("button", name="hash").click()
            assert await page.inner_text("#pressed") == "4#"
            assert await barriers(page) == []
            await page.keyboard.press("m")
            await page.get_by_role("button", name="Mute", pressed=True).wait_for()
            await page.get_by_label("Lost packets").fill("30")
            await page.get_by_text("packets lost so far").wait_for()
            await page.get_by_label("Added delay").fill("200")
            assert await page.inner_text("#delay-value") == "200 ms"
            await world.until(lambda: any(one.messages for one in world.agents.conversations))
            await page.get_by_role("button", name="Drop the line").click()
            await page.get_by_role("heading", name="The call is over").wait_for()
            assert await page.inner_text("#after-sentence") == "The relay noticed that the line was gone."
            assert watched.complaints == []
        assert "The console has ended" in await sentence(page)
        await inside.__aexit__(None, None, None)
        [record] = (tmp_path / "logs").iterdir()
        assert world.record(record.stem)["quality"]["dtmf"] == 2
        assert world.record(record.stem)["end_reason"] == "line_lost"


async def test_the_resampler_keeps_speech_and_loses_what_would_alias(tmp_path):
    """Microphone rates to the line's and back, in blocks as worklets get them: level kept, images and aliases gone."""
    async with (
        chromium() as browser,
        softphone("ws://127.0.0.1:9/media", tmp_path) as url,
        opened(browser, url) as watched,
    ):
        level_db = (Path(__file__).parent / "resampler_probe.js").read_text()
        for from_hz, to_hz in ((48_000, 8000), (44_100, 16_000), (8000, 48_000), (16_000, 44_100)):
            kept = await watched.page.evaluate(level_db, [f"{url}page/resampler.js", from_hz, to_hz, 1000])
            assert kept["count"] == pytest.approx(to_hz, rel=0.01)
            assert kept["level"] == pytest.approx(0, abs=0.1)
            assert kept["noise"] < -60
        assert (await watched.page.evaluate(level_db, [f"{url}page/resampler.js", 48_000, 8000, 6000]))["level"] < -60
