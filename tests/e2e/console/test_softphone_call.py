"""A whole call on the softphone: a real browser, its microphone a WAV file, through the real relay."""

import json
import wave

import numpy as np
import pytest

from console.softphone.address import Address
from console.softphone.app import PAGE, Softphone
from console.softphone.home import at_home, captioned
from console.web.local_page import open_page
from sim.heard import find_line
from sim.speech import spoken, write_wav
from tests.support.browser import PHONE, barriers, chromium, holds, needs_chromium, opened, picture
from tests.support.busy import real_time

pytestmark = needs_chromium

MICROPHONE_HZ = 48_000
# What the loudspeaker is given, seen by a second listener beside it.
EAR = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AudioDestinationNode) connect.call(this, (window.ear = this.context.createAnalyser()));
  return connect.call(this, to, ...more);
};
window.loudness = () => {
  if (!window.ear) return 0; // nothing is connected to the loudspeaker yet
  const samples = new Float32Array(ear.fftSize);
  ear.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
};
"""


def microphone(folder):
    """Somebody who waits for the greeting, asks for the clinics, and cuts into the answer."""

    def quiet(seconds):
        return np.zeros(int(MICROPHONE_HZ * seconds), np.int16)

    said = [spoken(name, MICROPHONE_HZ) for name in ("caller_clinics", "caller_interrupts")]
    path = folder / "microphone.wav"
    write_wav(path, MICROPHONE_HZ, np.concatenate([quiet(4.6), said[0], quiet(3.5), said[1], quiet(60)]))
    return path


def tracks(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return file.getframerate(), both[:, 0].astype(np.int16), both[:, 1].astype(np.int16)


async def call_with_a_barge_in(folder):
    """Be the caller from the first click to the saved sound; returns how many holes the line saw."""
    async with at_home(folder) as home:
        phone = Softphone(Address.parse(home.media_url), folder, at_home=True)
        async with (
            captioned(home, phone.caption),
            open_page(PAGE, phone.routes()) as url,
            chromium(microphone=microphone(folder)) as browser,
            opened(browser, url, scripts=(EAR,)) as watched,
        ):
            page = watched.page
            await page.get_by_label("Cancel echo and noise").uncheck()  # the WAV has none, and must arrive unchanged
            assert await barriers(page) == []
            await page.get_by_role("button", name="Call", exact=True).click()
            await page.get_by_text("First words").wait_for()
            await holds(page, "loudness() > 0.03")
            await page.get_by_text("You cut in").wait_for()
            await page.locator("#captions").get_by_text("Agent Of course. On Saturday").wait_for()
            await page.locator("#agent .speaks").wait_for(state="visible")
            await picture(page, "softphone", folder)
            await page.locator("#agent .speaks").wait_for(state="hidden")
            for figure in ("first-audio", "kept", "clear-after", "waiting"):
                assert (await page.inner_text(f"#{figure}")).endswith(" ms")
            assert await page.inner_text("#barge-ins") == "1"
            await page.get_by_role("button", name="Hang up").click()
            await page.get_by_role("heading", name="The call is over").wait_for()
            assert await page.inner_text("#after-sentence") == "You hung up."
            async with page.expect_download() as download:
                await page.get_by_role("link", name="Save as WAV").click()
            await (await download.value).save_as(folder / "saved.wav")
            await page.set_viewport_size(PHONE)
            await page.emulate_media(color_scheme="dark")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"
            assert await barriers(page) == []
            assert watched.complaints == []
            return int(await page.inner_text("#gaps"))


@pytest.mark.timeout(900)  # it may be played several times
@real_time  # the microphone plays by the clock: a greeting that is late is one that is cut into
async def test_a_call_with_a_barge_in(tmp_path):
    """The caller hears the greeting, asks, cuts in, is understood, hangs up; sound, figures and record agree.

    Where the sound had a hole, the call is placed once more: browser and relay alone may be too much for a machine.
    """
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if not await call_with_a_barge_in(folder):
            break
    [record] = [json.loads(path.read_text()) for path in (folder / "logs").glob("*.json")]

    assert record["end_reason"] == "caller_hung_up"
    assert record["quality"]["interruptions"] == 1
    assert [turn["interrupted"] for turn in record["turns"] if turn["speaker"] == "agent"] == [False, True, False]
    rate_hz, caller, agent = tracks(folder / "saved.wav")
    assert rate_hz == 8000
    greeting, clinics, saturday = (
        find_line(agent, rate_hz, name) for name in ("agent_greeting", "agent_clinics", "agent_saturday")
    )
    assert greeting.is_whole
    assert saturday.is_whole
    assert not clinics.is_whole
    asked, cut_in = (find_line(caller, rate_hz, name) for name in ("caller_clinics", "caller_interrupts"))
    assert asked.at_s > greeting.at_s + greeting.length_ms / 1000
    assert clinics.at_s < cut_in.at_s < clinics.at_s + clinics.length_ms / 1000
