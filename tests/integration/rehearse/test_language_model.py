"""A caller and a judge played by a language model, against a local endpoint with recorded answers."""

import json
import shutil

import pytest
from aiohttp import web

from common.env import SettingError
from console.rehearse.language_model import LanguageModel
from console.rehearse.relays import local
from console.rehearse.runs import Limits, Rehearsal
from console.rehearse.suite import SuiteError, load
from console.rehearse.voices import Voices
from sim import virtual_time
from sim.serving import serving
from sim.speech import ASSETS

GOAL = """
title = "Wants to know the price"
[goal]
wants = "the price of a visit"
facts = ["your name is Asha"]
turns = 5
"""
KEY = "key-of-nobody"


class Model:
    """A chat endpoint: each request is answered by the next of `answers`, an int being a status."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def app(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        return app

    async def answer(self, request):
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        self.asked.append(await request.json())
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return web.json_response({"error": "busy"}, status=answer)
        message = {"role": "assistant", "content": answer}
        return web.json_response({"choices": [{"message": message}], "usage": {"total_tokens": 50}})


def rehearse(folder, caller, model, voice=None):
    suite = folder / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text('title = "Model"\n')
    (suite / "caller.toml").write_text(caller, encoding="utf-8")
    for name in ("caller_hours", "caller_complaint"):
        shutil.copy(ASSETS / f"{name}.wav", suite)
    (folder / "agents.toml").write_text(
        '[agents.planted]\nvendor = "bot"\nid = "tests.support.planted_bot:PlantedBot"\noptions = {}\n'
    )
    found, played = load(str(suite)), []

    class Spoken(Voices):
        """Says one recorded line whatever the words are: no other program is needed."""

        async def speak(self, text, voice, rate_hz):
            return await super().speak("file:caller_hours.wav", voice, rate_hz)

    async def whole():
        async with (
            serving(model.app()) as url,
            local({"AGENTS_FILE": str(folder / "agents.toml")}, folder / "d") as relay,
        ):
            asked = LanguageModel(f"{url}/v1", "a-model", KEY)
            rehearsal = Rehearsal(found, relay, Spoken(found, folder / "voices"), asked)
            rehearsal.check()
            await rehearsal.play(times=1, parallel=1, limits=Limits(1, 10), on_played=played.append)

    virtual_time.run(whole())
    return played[0]


def test_a_model_plays_the_caller_until_it_has_what_it_wants(tmp_path):
    model = Model("Hello, how much is a visit?", "Thank you, goodbye. [hang up]")
    call = rehearse(tmp_path, GOAL, model)
    assert call.passed, call.findings
    assert [line.text for line in call.observed.said] == ["Hello, how much is a visit?", "Thank you, goodbye."]
    assert call.observed.record["end_reason"] == "caller_hung_up"
    first, second = (request["messages"] for request in model.asked)
    assert "the price of a visit" in first[0]["content"]
    assert "your name is Asha" in first[0]["content"]
    assert "how may I help you" in first[1]["content"], "it is told what the agent said"
    assert "fifteen hundred rupees" in second[-1]["content"]


def test_a_model_that_never_ends_is_hung_up_after_its_turns(tmp_path):
    model = Model(*["And then?"] * 20)
    call = rehearse(tmp_path, GOAL.replace("turns = 5", "turns = 1"), model)
    assert len(call.observed.said) == 1
    assert len(model.asked) == 1
    assert call.passed


def test_an_unreachable_model_fails_the_call_with_the_reason(tmp_path):
    call = rehearse(tmp_path, GOAL, Model(429))
    [finding] = call.findings
    assert finding.expectation == "played"
    assert "answered 429" in finding.sentence


STEPS = (
    'title = "Asks"\n[[steps]]\nsay = "file:caller_hours.wav"\n[[steps]]\nwhen = "agent finished 1 s"\nhang_up = true\n'
)
RULES = '[expect]\njudge = ["The agent is polite."]\n'


def verdict(passed):
    return json.dumps({"passed": passed, "reason": "It said good morning."})


def test_a_judge_keeps_its_reason(tmp_path):
    model = Model(verdict(True))
    call = rehearse(tmp_path, STEPS + RULES, model)
    assert call.passed
    assert call.notes == ("Judge, 'The agent is polite.': passed. It said good morning.",)
    assert "agent: Good morning, City Clinic" in model.asked[0]["messages"][1]["content"]


def test_a_judge_can_fail_a_call(tmp_path):
    [finding] = rehearse(tmp_path, STEPS + RULES, Model(verdict(False))).findings
    assert (finding.expectation, finding.sentence) == ("judge", "The agent is polite. It said good morning.")


def test_a_judge_can_not_rescue_one(tmp_path):
    call = rehearse(tmp_path, STEPS + RULES + 'said = ["never said"]\n', Model(verdict(True)))
    assert [finding.expectation for finding in call.findings] == ["said"]


@pytest.mark.parametrize("answer", ["no JSON", '{"reason": "no verdict"}', '{"passed": "yes"}', 500])
def test_a_judge_that_does_not_judge_fails_the_call(tmp_path, answer):
    assert [finding.expectation for finding in rehearse(tmp_path, STEPS + RULES, Model(answer)).findings] == ["judge"]


def test_a_suite_that_needs_a_model_is_refused_without_one(tmp_path):
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text('title = "Model"\n')
    (suite / "caller.toml").write_text(GOAL)
    found = load(str(suite))
    with pytest.raises(SuiteError, match=r"caller\.toml: a goal needs REHEARSE_MODEL_URL"):
        Rehearsal(found, None, Voices(found, tmp_path)).check()
    with pytest.raises(SettingError, match="REHEARSE_MODEL"):
        LanguageModel.from_env({"REHEARSE_MODEL_URL": "http://x"})
    assert LanguageModel.from_env({}) is None
