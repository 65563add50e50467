"""`console run`: what it says at its start, and its log lines for a person."""

import json

import pytest
from aiohttp import web

from console.checks.finding import Verdict
from console.checks.network import NoAnswerError
from console.run.keys import check_keys
from console.run.lines import for_people
from console.run.local import environment, kept_secrets
from console.run.paste import missing
from relay.agents import VENDORS
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.processes import free_port
from sim.serving import serving
from tests.support.relay_world import API_KEY, GREETING

LINE = {"time": "2026-11-29T06:30:03.123+00:00", "severity": "INFO", "event": "call_started", "message": "call from x"}


def test_a_log_line_is_a_sentence_for_a_person():
    told = for_people("relay", json.dumps({**LINE, "call_sid": "3f0c1a9e"}), colour=False)
    assert told.endswith("  relay      3f0c1a  call from x")
    assert told[2] == told[5] == ":"


def test_trouble_has_its_word_and_its_colour_and_an_exception_stays_whole():
    line = json.dumps({**LINE, "severity": "ERROR", "message": "it broke", "exception": "Traceback …\n  here"})
    assert "ERROR: it broke\nTraceback …\n  here" in for_people("relay", line, colour=False)
    assert for_people("relay", line, colour=True).count("\x1b[") == 2


@pytest.mark.parametrize("line", ["no json", "[1]", '{"other": 1}', ""])
def test_other_lines_stay_as_they_are(line):
    assert for_people("relay", line, colour=True) == line


def test_lines_for_dashboards_are_not_for_people():
    assert for_people("relay", json.dumps({**LINE, "event": "relay_stats"}), colour=False) is None
    assert for_people("relay", json.dumps({**LINE, "event": "relay_stats", "severity": "ERROR"}), colour=False)


def test_what_calls_will_go_without_is_said():
    said = list(missing({"ELEVENLABS_AGENT_ID": "a"}))
    assert [word in " ".join(said) for word in ("TRANSFER_TARGETS", "ELEVENLABS_WEBHOOK_SECRET", "ELEVENLABS_API_KEY")]
    assert len(said) == 3
    whole = {"TRANSFER_TEAM_1_NUMBER": "1", "ELEVENLABS_WEBHOOK_SECRET": "wsec_1", "ELEVENLABS_API_KEY": "sk"}
    assert list(missing(whole)) == []


def test_secrets_that_others_may_read_are_made_private_again(tmp_path):
    path = tmp_path / "secrets.json"
    first = kept_secrets(path)
    path.chmod(0o644)
    assert kept_secrets(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_given_wins_over_what_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("console.run.local.DATA", tmp_path)
    environ = environment({"ELEVENLABS_AGENT_ID": "a", "MEDIA_TOKEN": "mine", "PORT": "9000"})
    assert (environ["MEDIA_TOKEN"], environ["PORT"], environ["STORE"]) == ("mine", "9000", f"file:{tmp_path}")


async def elevenlabs(key, agent_id="agent_0"):
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    async with serving(fake.app()) as url:
        environ = {"ELEVENLABS_AGENT_ID": agent_id, "ELEVENLABS_API_KEY": key, "ELEVENLABS_BASE_URL": url}
        (finding,) = await check_keys(environ)
        return finding


async def test_a_refused_key_or_unknown_agent_is_reported_at_the_start():
    assert (await elevenlabs(API_KEY)).verdict is Verdict.PASS
    refused = await elevenlabs("sk_of_somebody_else")
    assert refused.verdict is Verdict.FAIL
    assert "does not know this API key" in refused.found
    assert "sk_of_somebody_else" not in refused.found + refused.advice
    assert (await elevenlabs(API_KEY, "agent_gone")).verdict is Verdict.FAIL


async def test_a_vendor_that_can_not_be_asked_stops_nobody():
    base = f"http://127.0.0.1:{free_port()}"
    (finding,) = await check_keys({"ELEVENLABS_AGENT_ID": "a", "ELEVENLABS_API_KEY": "sk", "ELEVENLABS_BASE_URL": base})
    assert finding.verdict is Verdict.WARN


HOSTED = {
    # vendor: (host, path, header, value with the key, status and body of a refusal)
    "openai": ("api.openai.com", "/v1/models", "Authorization", "Bearer right", 401, ""),
    "grok": ("api.x.ai", "/v1/models", "Authorization", "Bearer right", 401, ""),
    "deepgram": ("api.deepgram.com", "/v1/projects", "Authorization", "Token right", 401, ""),
    "gemini": ("generativelanguage.googleapis.com", "/v1beta/models", "x-goog-api-key", "right", 400,
        '{"error": {"reason": "API_KEY_INVALID"}}'),
    "ultravox": ("api.ultravox.ai", "/api/accounts/me", "X-API-Key", "right", 401, ""),
}  # fmt: skip


def test_every_key_that_can_be_checked_is_in_the_table():
    assert {name for name, vendor in VENDORS.items() if vendor.key_check} == set(HOSTED)


@pytest.mark.parametrize("vendor", HOSTED)
async def test_a_key_is_sent_to_nobody_but_its_vendor(vendor, tmp_path, monkeypatch):
    asked = []

    async def ask(session, url, **more):
        asked.append((str(url), more["headers"]))
        raise NoAnswerError("gave no answer")

    monkeypatch.setattr("console.run.keys.ask", ask)
    host, path, header, right, *_ = HOSTED[vendor]
    file = tmp_path / "agents.toml"
    file.write_text(f'[agents.one]\nvendor = "{vendor}"\nid = "m"\n')
    await check_keys({"AGENTS_FILE": str(file), VENDORS[vendor].key_env: "right"})
    assert asked == [(f"https://{host}{path}", {header: right})]


@pytest.mark.parametrize("vendor", HOSTED)
async def test_every_vendor_is_asked_with_its_own_header(vendor, tmp_path):
    _, path, header, right, status, body = HOSTED[vendor]
    asked = []

    async def answer(request):
        asked.append(request.path)
        return web.Response() if request.headers.get(header) == right else web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app) as url:
        file = tmp_path / "agents.toml"
        file.write_text(
            f'[agents.one]\nvendor = "{vendor}"\nid = "m"\noptions = {{ api_key_env = "MINE", base_url = "{url}" }}\n'
        )
        found = [await check_keys({"AGENTS_FILE": str(file), "MINE": key}) for key in ("right", "wrong")]
    assert asked == [path, path]
    assert [[one.verdict for one in findings] for findings in found] == [[Verdict.PASS], [Verdict.FAIL]]
    assert "MINE" in found[1][0].found
