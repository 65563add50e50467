"""All parts at once: their order, a part that breaks, and nothing that must not be told."""

import asyncio
import logging
import re

import aiohttp
import pytest

from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from console.doctor.examination import PARTS, examined
from tests.support.virtual import virtual


async def run(parts, **subject):
    async with aiohttp.ClientSession() as session:
        given = {"environ": {}, "session": session, **subject}
        return [finding async for finding in examined(Subject(**given), parts)]


def saying(name, *delays_s, text="found"):
    async def part(subject):
        for number, delay_s in enumerate(delays_s):
            await asyncio.sleep(delay_s)
            yield Finding(f"{name}.{number}", Verdict.PASS, text)

    return part


@virtual
async def test_parts_run_side_by_side_and_are_reported_in_order():
    began = asyncio.get_running_loop().time()
    findings = await run({"a": saying("a", 3, 3), "b": saying("b", 1, 1)})
    assert [one.check for one in findings] == ["a.0", "a.1", "b.0", "b.1"]
    assert asyncio.get_running_loop().time() - began == pytest.approx(6)


@virtual
async def test_a_part_that_breaks_is_a_finding_and_the_others_go_on(caplog):
    async def broken(subject):
        yield Finding("broken.first", Verdict.PASS, "found")
        raise KeyError("call +919876500010 with sk_of_nobody")

    with caplog.at_level(logging.DEBUG, "console.doctor"):
        findings = await run({"broken": broken, "b": saying("b", 0)}, environ={"ELEVENLABS_API_KEY": "sk_of_nobody"})
    assert [(one.check, one.verdict.value) for one in findings] == [
        ("broken.first", "pass"),
        ("broken.broke_off", "fail"),
        ("b.0", "pass"),
    ]
    assert "KeyError: 'call ***0010 with (hidden)'" in findings[1].found
    assert caplog.records[0].exc_info, "--verbose shows where"


SECRETS = {
    "of a setting": ({"environ": {"EXOTEL_API_TOKEN": "s3cret-of-mine"}}, "s3cret-of-mine"),
    "one of several": ({"environ": {"EVENTS_SECRET": "the-old-one, the-new-one"}}, "the-new-one"),
    "of a password": ({"environ": {"MEDIA_BASIC_AUTH": "exotel:s3cret-of-mine"}}, "s3cret-of-mine"),
    "in a path": ({"relay_url": "wss://relay.example.com/media/s3cret-of-mine/front"}, "s3cret-of-mine"),
    "in a query": ({"connect_url": "https://functions.example.com/c?token=s3cret-of-mine"}, "s3cret-of-mine"),
    "in an address": ({"passthru_url": "https://me:s3cret%2Fmine@functions.example.com/p"}, "s3cret%2Fmine"),
}


@pytest.mark.parametrize("where", SECRETS)
@virtual
async def test_no_secret_is_printed(where):
    given, secret = SECRETS[where]
    (finding,) = await run({"a": saying("a", 0, text=f"the server said: {secret} is wrong")}, **given)
    assert finding.found == "the server said: (hidden) is wrong"


@virtual
async def test_short_values_and_plain_parameters_are_words_like_others():
    """`sample-rate=8000` hid every 8000 of the report."""
    given = {
        "environ": {"KEYBOARD": "word", "SOME_KEY": "at"},
        "relay_url": "wss://relay.example.com/?sample-rate=8000",
    }
    (finding,) = await run({"a": saying("a", 0, text="a word at 8000 Hz")}, **given)
    assert finding.found == "a word at 8000 Hz"


@virtual
async def test_with_nothing_given_everything_is_skipped_and_says_what_to_set():
    findings = await run(PARTS)
    assert {one.verdict.value for one in findings} == {"skipped"}
    for finding in findings:
        assert re.search(r"\b(set|give|known)\b", finding.found), finding


@virtual
async def test_one_cause_is_reported_once_and_the_others_refer_to_it():
    """With nobody listening at the functions' address four checks failed, each with other advice for the same thing."""
    down = "http://127.0.0.1:9"
    names = {"connect_url": "/exotel/connect", "passthru_url": "/exotel/passthru", "webhook_url": "/webhook/post-call"}
    findings = await run({"functions": PARTS["functions"]}, **{name: down + path for name, path in names.items()})
    failed = [one for one in findings if one.verdict is Verdict.FAIL]
    assert [one.check for one in failed] == ["functions.connect"]
    assert "connection refused" in failed[0].found
    assert "Is it running there" in failed[0].advice
    told = {one.check: one.found for one in findings if one.verdict is Verdict.SKIPPED}
    for check in ("functions.passthru", "functions.webhook", "functions.events"):
        assert told[check] == "can't be checked before functions.connect is fixed"


@virtual
async def test_a_shared_setting_is_reported_once():
    given = {"ELEVENLABS_AGENT_ID": "agent_1", "EXOTEL_TOKEN": "t" * 24, "EVENTS_SECRET": "short"}
    findings = await run({"settings": PARTS["settings"]}, environ=given)
    assert [one.check for one in findings if one.verdict is Verdict.FAIL] == ["settings.relay"]
