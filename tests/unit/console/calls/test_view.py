"""One call, and calls for evaluation sets: words heard, tools, numbers masked."""

import csv
import io
import json

import numpy as np
import pytest

from common.masking import mask_text
from console.calls.export import comma_separated, json_lines
from console.calls.heard import USUAL_MS_A_LETTER, HeardWords, heard_words, pace
from console.calls.masking import mask_all
from console.calls.search import Filter
from console.calls.sound import COLUMNS, Sounds, waveform
from console.calls.source import FolderSource
from console.calls.view import sound_offset_ms, view
from sim.speech import write_wav
from tests.support.many_calls import records

SENTENCE = "We have three clinics in the city and the first one is near the station."


def agent_turn(text=SENTENCE, **more):
    return {"speaker": "agent", "text": text, "interrupted": True, "heard_ms": None, **more}


def test_heard_words_are_estimated_from_how_long_the_turn_was_heard():
    found = heard_words(agent_turn(heard_ms=len("We have three clinics ") * 60), 60)
    assert found == HeardWords(
        "We have three clinics", "in the city and the first one is near the station.", "estimate"
    )


@pytest.mark.parametrize("heard_ms", [0, 1, 10_000_000])
def test_no_word_is_lost_or_doubled_at_the_ends(heard_ms):
    found = heard_words(agent_turn(heard_ms=heard_ms), 60)
    assert f"{found.heard} {found.unheard}".split() == SENTENCE.split()


def test_the_vendors_word_counts_more_than_an_estimate():
    found = heard_words(agent_turn("We have three...", heard_ms=9000), 60, meant=SENTENCE)
    assert found == HeardWords("We have three", "clinics in the city and the first one is near the station.", "vendor")


def test_whole_turns_callers_and_unknown_lengths_are_not_guessed_at():
    whole = agent_turn(interrupted=False, heard_ms=100)
    caller = {**agent_turn(heard_ms=100), "speaker": "caller"}
    for turn in (whole, caller, agent_turn()):
        assert heard_words(turn, 60) == HeardWords(SENTENCE, "", "")


def test_the_pace_is_the_calls_own_within_reason():
    whole = agent_turn(interrupted=False, heard_ms=len(SENTENCE) * 80)
    assert pace([whole, agent_turn(heard_ms=1)]) == pytest.approx(80)
    assert pace([]) == USUAL_MS_A_LETTER
    assert pace([{**whole, "heard_ms": 1}]) == 35
    assert pace([{**whole, "heard_ms": 10**9}]) == 120


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call +919876543210 now", "call ***3210 now"),
        ("98765 43210, please", "***3210, please"),
        ("(080) 4710-0002", "(***0002"),
        ("at 10:30 on the 23rd, 2 tablets, 500 mg", "at 10:30 on the 23rd, 2 tablets, 500 mg"),
        ("booking 4711", "booking 4711"),
    ],
)
def test_numbers_of_people_are_masked_in_running_text(text, masked):
    assert mask_text(text) == masked


def test_masking_keeps_ids_and_times():
    record = {
        "call_sid": "12345678901234567890",
        "at": "2026-11-23T10:00:00.000Z",
        "from": "+919876543210",
        "attempts": [{"number": "+918047100002"}],
        "turns": [{"text": "it is 9876543210"}],
    }
    assert mask_all(record) == {
        **record,
        "from": "***3210",
        "attempts": [{"number": "***0002"}],
        "turns": [{"text": "it is ***3210"}],
    }


def store_of(folder, record, **pieces):
    for key, body in {f"logs/{record['call_sid']}.json": record, **pieces}.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body if isinstance(body, str) else json.dumps(body))
    return FolderSource(folder)


def test_a_call_is_shown_with_its_tools_and_what_it_was_made_of(tmp_path):
    [record] = records(1)
    sid, conversation = record["call_sid"], record["conversation_id"]
    started = "2026-11-22T13:59:00.000Z"
    record["started_at"] = started
    webhook = {
        "type": "post_call_transcription",
        "event_timestamp": 1795356000,
        "data": {
            "metadata": {"start_time_unix_secs": 1795355941},
            "transcript": [
                {
                    "role": "agent",
                    "message": "One moment.",
                    "time_in_call_secs": 7,
                    "tool_calls": [
                        {"request_id": "t1", "tool_name": "look_up", "params_as_json": '{"phone": "+919876543210"}'},
                        {"request_id": "t2", "tool_name": "odd", "params_as_json": "not json"},
                    ],
                    "tool_results": [{"request_id": "t1", "result_value": "found", "is_error": False}],
                }
            ],
        },
    }
    requested = {
        "type": "call.transfer_requested",
        "at": "2026-11-22T13:59:20.000Z",
        "transfer": {"target": "billing", "reason": "", "summary": ""},
    }
    source = store_of(
        tmp_path,
        record,
        **{
            f"calls/{sid}/events/e1.json": requested,
            f"calls/{sid}/dial/broken.json": "{cut",
            f"conversations/{conversation}/webhook-d1.json": {"at": "2026-11-22T14:00:00.000Z"},
            "inbox/2026/11/22/d1.json": webhook,
        },
    )
    shown = view(source, sid, numbers=False)
    assert [(tool["name"], tool["at_ms"]) for tool in shown["tools"]] == [
        ("look_up", 8000),
        ("odd", 8000),
        ("transfer_to_human", 20_000),
    ]
    assert shown["tools"][0]["parameters"] == {"phone": "***3210"}
    assert shown["tools"][0]["result"] == {"text": "found", "is_error": False}
    assert shown["tools"][1]["parameters"] == "not json"
    assert {piece["key"] for piece in shown["raw"]} == {
        f"calls/{sid}/events/e1.json",
        f"calls/{sid}/dial/broken.json",
        f"conversations/{conversation}/webhook-d1.json",
        "inbox/2026/11/22/d1.json",
    }
    assert shown["raw"][-1]["body"] == "{cut", "what has no time comes last, as it is"
    assert record["from"] not in json.dumps(shown)
    assert record["from"] in json.dumps(view(source, sid, numbers=True))


def test_a_damaged_record_still_shows_its_events(tmp_path):
    [record] = records(1)
    source = store_of(tmp_path, record, **{f"calls/{record['call_sid']}/events/e1.json": {"type": "call.started"}})
    (tmp_path / "logs" / f"{record['call_sid']}.json").write_text('{"schema": 1')
    shown = view(source, record["call_sid"], numbers=False)
    assert "cut off" in shown["problem"]
    assert [piece["body"] for piece in shown["raw"]] == [{"type": "call.started"}]
    assert view(source, "nobody", numbers=False) is None


def test_the_vendors_recording_begins_with_the_conversation():
    record = {
        "started_at": "2026-11-22T13:59:00.000Z",
        "agents": [{"started_at": "2026-11-22T13:59:00.250Z"}],
    }
    assert sound_offset_ms(record) == 250
    assert sound_offset_ms({}) == 0


def test_a_waveform_has_a_side_for_each_voice(tmp_path):
    hz = 8000
    loud, quiet = (np.full(hz * 3, value, np.int16) for value in (16384, 0))
    path = tmp_path / "audio" / "a1.wav"
    path.parent.mkdir()
    write_wav(path, hz, loud, quiet)
    found = waveform(path)
    assert found["duration_s"] == 3
    assert [len(side) for side in found["channels"]] == [COLUMNS, COLUMNS]
    assert (max(found["channels"][0]), max(found["channels"][1])) == (0.5, 0)
    assert Sounds(FolderSource(tmp_path), tmp_path).file("a1") == path
    assert Sounds(FolderSource(tmp_path), tmp_path).file("a2") is None


@pytest.mark.parametrize("body", [b"", b"RIFF", b"ID3 but no sound"])
def test_a_sound_that_cannot_be_read_is_a_sentence(tmp_path, body):
    (tmp_path / "a1.wav").write_bytes(body)
    with pytest.raises(ValueError, match="sound of this call can't be read"):
        waveform(tmp_path / "a1.wav")


def test_export_gives_each_call_once_and_no_number_of_anybody(explored):
    source, index = explored
    with index.reading() as connection:
        lines = [json.loads(line) for line in json_lines(connection, source, Filter(agent="billing"))]
        table = b"".join(comma_separated(connection, source, Filter(agent="billing")))
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert [line["call_sid"] for line in lines] == [row["call_sid"] for row in rows]
    assert len({line["call_sid"] for line in lines}) == len(lines) > 50
    assert "43210" not in table.decode()
    assert "***3210" in table.decode()
    assert all("from" not in line and line["agent"]["alias"] == "billing" for line in lines)
    assert rows[0]["transcript"].startswith("agent: Good morning")


def test_a_callers_words_do_not_become_a_formula(tmp_path):
    [record] = records(1)
    record["analysis"]["transcript_summary"] = '=HYPERLINK("http://evil.example")'
    source = store_of(tmp_path, record)

    class Rows:
        def execute(self, *_):
            return [(f"logs/{record['call_sid']}.json",)]

    [row] = csv.DictReader(io.StringIO(b"".join(comma_separated(Rows(), source, Filter())).decode("utf-8-sig")))
    assert row["summary"].startswith("'=")
