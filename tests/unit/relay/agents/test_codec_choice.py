"""Which codec an agent should speak with on a line of A-law or μ-law: the table of docs/agents.md, measured."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

from relay.agents import VENDORS
from relay.agents.openai.requests import A_LAW, MU_LAW, WIDE
from relay.audio.convert import AudioFormat, Converter, Encoding
from sim.speech import spoken

LINE = AudioFormat(Encoding.PCM, 8000)
CODECS = {"pcma": A_LAW, "pcmu": MU_LAW, "pcm": WIDE}
CARRIERS = {"A-law": A_LAW, "μ-law": MU_LAW}
DOCS = (Path(__file__).parents[4] / "docs/agents.md").read_text(encoding="utf-8")


def through(sound: bytes, *formats: AudioFormat) -> bytes:
    """`sound` in the first format, taken through the others."""
    for source, target in zip(formats, formats[1:], strict=False):
        sound = Converter(source, target).convert(sound, last=True)
    return sound


def snr_db(heard: bytes, meant: bytes) -> float:
    """How far the noise is below the speech, wherever the filters have put it by now."""
    one, other = (np.frombuffer(sound, "<i2").astype(np.float64) for sound in (heard, meant))
    size = min(one.size, other.size) - 400
    kept = other[200 : 200 + size]
    likeness = np.correlate(one[100 : 299 + size], kept, "valid")  # at each shift from -100 to 99
    power = np.convolve(one[100 : 299 + size] ** 2, np.ones(size), "valid")
    best = int(np.argmin(power - 2 * likeness)) + 100  # the error's power, but for that of `kept`
    error = kept - one[best : best + size]
    return float(10 * np.log10(float(other @ other) / max(float(error @ error), 1.0)))


def to_the_caller(carrier: AudioFormat, codec: AudioFormat) -> float:
    """Against the same speech without the relay and the agent's codec: only the carrier's."""
    rate_hz = codec.rate_hz
    meant = through(spoken("agent_hours", 8000).tobytes(), LINE, carrier, LINE)
    source = AudioFormat(Encoding.PCM, rate_hz)
    return snr_db(through(spoken("agent_hours", rate_hz).tobytes(), source, codec, LINE, carrier, LINE), meant)


@functools.cache
def to_the_agent(carrier: AudioFormat, codec: AudioFormat) -> float:
    """Against what the carrier gave the relay."""
    given = through(spoken("caller_bill", 8000).tobytes(), LINE, carrier, LINE)
    return snr_db(through(given, LINE, codec, LINE), given)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_table(carrier, codec):
    row = re.search(rf"^\| {carrier} \| `{codec}` \| (\S+) \| (\S+) \|", DOCS, re.MULTILINE)
    assert row, f"no row for {codec} on a carrier of {carrier}"
    for told, measured in zip(row.groups(), (to_the_caller, to_the_agent), strict=True):
        found = measured(CARRIERS[carrier], CODECS[codec])
        assert found > 90 if told == "lossless" else float(told) == pytest.approx(found, abs=0.2), found


def test_each_vendor_has_an_answer():
    """Some have a choice; the others are named with what they use."""
    section = DOCS.partition("### Which codec")[2].partition("\n## ")[0]
    chooses = {name for name, vendor in VENDORS.items() if "openai" in {name, vendor.codec}}
    assert set(re.findall(r"`(\w+)`", section)) >= set(VENDORS) - chooses


def test_the_carriers_own_law_is_the_best_of_both():
    for carrier in CARRIERS.values():
        best = max(CODECS.values(), key=lambda codec: to_the_agent(carrier, codec))
        assert best == carrier
