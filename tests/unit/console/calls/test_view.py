"""One call, and calls for evaluation sets: words heard, tools, numbers masked."""

import csv
import io
import json
import os
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from common.masking import mask_text
from common.recording import head
from console.calls.export import comma_separated, json_lines
from console.calls.heard import USUAL_MS_A_LETTER, HeardWords, heard_words, pace
from console.calls.rows import row_of
from console.calls.search import Filter
from console.calls.sending import FORMATS
from console.calls.sound import COLUMNS, SUFFIXES, Sounds, is_unfinished, waveform
from console.calls.source import Source, open_source
from console.calls.timeline import timeline
from console.calls.view import begins_ms, sound_offset_ms, view
from console.records.masking import mask_all
from functions.common.sealed import sealing_of
from functions.common.store.folder import FolderStore
from functions.webhook.flac import encoded
from sim.speech import write_wav
from tests.support.many_calls import records
from tests.support.memory_store import MemoryStore
from tests.support.people import tell

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
    return open_source(f"file:{folder}")


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
    tools = [item for item in shown["timeline"] if item["kind"] == "tool"]
    assert [(tool["name"], tool["at_ms"]) for tool in tools] == [
        ("look_up", 8000),
        ("odd", 8000),
        ("transfer_to_human", 20_000),
    ]
    assert tools[0]["parameters"] == {"phone": "***3210"}
    assert tools[0]["result"] == {"text": "found", "is_error": False}
    assert tools[1]["parameters"] == "not json"
    assert {piece["key"] for piece in shown["raw"]} == {
        f"calls/{sid}/events/e1.json",
        f"calls/{sid}/dial/broken.json",
        f"conversations/{conversation}/webhook-d1.json",
        "inbox/2026/11/22/d1.json",
    }
    assert [piece["body"] for piece in shown["raw"] if piece["folder"] == "dial"] == ["{cut"], "as it is"
    assert record["from"] not in json.dumps(shown)
    assert record["from"] in json.dumps(view(source, sid, numbers=True))


def test_how_loud_each_side_was_is_told(tmp_path):
    [record] = records(1)
    record |= {"agents": [{"alias": "day", "level_db": -29.0}], "quality": {"caller_level_db": -21.0}}
    shown = view(store_of(tmp_path, record), record["call_sid"], numbers=False)
    assert [(one["who"], one["level_db"]) for one in shown["loudness"]] == [("Agent day", -29.0), ("Caller", -21.0)]


def test_a_damaged_record_still_shows_its_events(tmp_path):
    [record] = records(1)
    source = store_of(tmp_path, record, **{f"calls/{record['call_sid']}/events/e1.json": {"type": "call.started"}})
    (tmp_path / "logs" / f"{record['call_sid']}.json").write_text('{"schema": 1')
    shown = view(source, record["call_sid"], numbers=False)
    assert "cut off" in shown["problem"]
    assert [piece["body"] for piece in shown["raw"]] == [{"type": "call.started"}]
    assert view(source, "nobody", numbers=False) is None


def test_a_damaged_record_is_rebuilt_from_its_pieces(tmp_path):
    """And all that belongs to it is shown, the vendor's webhook too, which only its events lead to."""
    store = FolderStore(tmp_path)
    tell(store, "call", "+919876543210")
    whole = view(open_source(f"file:{tmp_path}"), "call", numbers=True)
    (tmp_path / "logs" / "call.json").write_text('{"schema": 1, "turns": [{"te')
    shown = view(open_source(f"file:{tmp_path}"), "call", numbers=True)
    assert "cut off" in shown["problem"]
    assert "What is shown was rebuilt from them." in shown["problem"]
    assert shown["record"] == whole["record"]
    assert shown["timeline"] == whole["timeline"]
    assert [piece["key"] for piece in shown["raw"]] == [piece["key"] for piece in whole["raw"]]
    assert {piece["folder"] for piece in shown["raw"]} >= {"events", "dial", "requests", "conversations", "inbox"}


def test_an_encrypted_webhook_is_shown_where_its_key_is_at_hand_and_else_says_what_it_needs(tmp_path):
    key = {"RAW_BODIES_KEY": "a-key-that-nobody-has"}
    tell(FolderStore(tmp_path), "call", "+919876543210", RAW_BODIES="encrypted", **key)
    for sealing, said in ((sealing_of(key), "transcript"), (sealing_of({}), "set RAW_BODIES_KEY for the explorer")):
        shown = view(open_source(f"file:{tmp_path}", sealing), "call", numbers=True)
        bodies = [json.dumps(piece["body"]) for piece in shown["raw"] if piece["folder"] == "inbox"]
        assert bodies
        assert all(said in body for body in bodies)


def test_the_vendors_recording_begins_with_the_conversation():
    record = {
        "started_at": "2026-11-22T13:59:00.000Z",
        "agents": [{"started_at": "2026-11-22T13:59:00.250Z"}],
    }
    assert sound_offset_ms(record, ".mp3") == 250
    assert sound_offset_ms({}, ".mp3") == 0


def test_a_recording_of_our_own_begins_with_its_stream():
    agents = [{"started_at": "2026-11-22T13:59:00.250Z"}]
    files = [{"key": "audio/a.wav", "offset_ms": 1500}, {"key": "audio/a-2.wav", "offset_ms": 90_000}]
    record = {"started_at": "2026-11-22T13:59:00.000Z", "agents": agents, "recording": {"files": files}}
    assert sound_offset_ms(record, ".wav") == 1500
    assert sound_offset_ms({**record, "recording": None}, ".wav") == 0


def test_where_the_sound_begins_is_told_from_the_record_alone(tmp_path):
    """It was asked for by making the whole page a second time, with each piece read again."""
    pieces = []

    class Counting(Source):
        def read(self, key):
            pieces.append(key)
            return super().read(key)

    record = {"started_at": "2026-11-22T13:59:00.000Z", "agents": [{"started_at": "2026-11-22T13:59:00.250Z"}]}
    store = FolderStore(tmp_path)
    tell(store, "call", "+919876543210")
    (tmp_path / "logs" / "call.json").write_text(json.dumps(record))
    source = Counting(f"file:{tmp_path}", store, tmp_path)
    assert begins_ms(source, "call", ".mp3") == 250
    assert pieces == ["logs/call.json"]
    assert begins_ms(source, "nobody", ".mp3") == 0
    ended = tmp_path / "calls" / "call" / "events" / "3-call.json"
    event = json.loads(ended.read_text())
    event["agents"][0]["started_at"] = event["started_at"].replace("00.000Z", "00.400Z")
    ended.write_text(json.dumps(event))
    (tmp_path / "logs" / "call.json").write_text('{"started_at": "2026')
    assert begins_ms(source, "call", ".mp3") == pytest.approx(400, abs=0.1), "of a damaged record that was made anew"


def test_what_is_not_in_a_recording_stands_in_the_timeline():
    recording = {
        "caller_from_ms": 12_600,
        "paused": [
            {"from_ms": 20_000, "to_ms": 31_500, "why": "agent"},
            {"from_ms": 40_000, "to_ms": 42_000, "why": "keys"},
        ],
        "masked": [{"from_ms": 50_000, "to_ms": 50_600, "why": "key"}],
        "missing": [{"from_ms": 56_000, "to_ms": 64_000, "why": "HTTP 503"}],
    }
    items = timeline({"started_at": "2026-11-22T13:59:00.000Z", "recording": recording}, [])
    assert [(item["kind"], item["at_ms"], item["text"], item["tone"]) for item in items] == [
        ("recording", 12_600, "The caller is recorded from here on.", ""),
        ("recording", 20_000, "The recording was paused for 11.5 s: the agent asked for it.", ""),
        ("recording", 40_000, "The recording was paused for 2.0 s: the caller pressed keys.", ""),
        ("recording", 50_000, "A key was pressed: its tone is not in the recording.", ""),
        ("recording", 56_000, "8.0 s of the recording are missing: HTTP 503.", "bad"),
    ]
    assert timeline({"recording": {"caller_from_ms": 40}}, []) == []


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_running_calls_pieces_are_played_as_far_as_they_go(tmp_path, kind):
    """And once the recording was joined, that is played instead."""
    store, cache = MemoryStore(), tmp_path / "cache"
    cache.mkdir()
    if kind == "folder":
        store = FolderStore(tmp_path / "store")
    source = Source("store", store, tmp_path / "store" if kind == "folder" else None)
    sounds = Sounds(source, cache)
    assert sounds.file("call") is None
    for number in range(2):
        piece = head(8000, 2, 64_000) + bytes([0x80 + number, 0xFF]) * 64_000
        store.create(f"recordings/call/stream/{number:05}.wav", piece)
        found = sounds.file("call")
        assert is_unfinished(found)
        assert waveform(found)["duration_s"] == 8 * (number + 1)
    assert [one.name for one in cache.iterdir()] == [found.name]  # the shorter one has gone
    left, right = waveform(found)["channels"]
    assert min(left) > 0.9
    assert max(right) == 0
    store.create("audio/call.wav", head(8000, 2, 8000) + bytes([0xFF]) * 16_000)
    joined = sounds.file("call")
    assert not is_unfinished(joined)
    assert waveform(joined)["duration_s"] == 1


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
    assert Sounds(open_source(f"file:{tmp_path}"), tmp_path).file("a1") == path
    assert Sounds(open_source(f"file:{tmp_path}"), tmp_path).file("a2") is None


def test_a_recording_in_flac_is_played_and_drawn(tmp_path):
    (tmp_path / "audio").mkdir()
    path = tmp_path / "audio" / "a1.flac"
    path.write_bytes(b"".join(encoded(iter([bytes([0x80, 0xFF]) * 8000]), 8000, 2, 8000)))  # loud, silent
    assert Sounds(open_source(f"file:{tmp_path}"), tmp_path).file("a1") == path
    assert SUFFIXES[path.suffix] == "audio/flac"
    found = waveform(path)
    assert (found["duration_s"], max(found["channels"][1])) == (1, 0)
    assert max(found["channels"][0]) > 0.9


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


STARTED = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def at(seconds):
    return (STARTED + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def handed_over(tmp_path, *, numbers=False):
    """A call with a failover and a transfer that rang, each piece written when it came."""
    [record] = records(1)
    sid = record["call_sid"]
    record |= {
        "started_at": at(0),
        "end_reason": "transferred",
        "agents": [
            {"alias": "day", "vendor": "elevenlabs", "end_reason": "close_1011", "started_at": at(0)},
            {"alias": "night", "vendor": "openai", "end_reason": "ended", "started_at": at(4)},
        ],
        "turns": [
            {"speaker": "caller", "text": "A person, please.", "offset_ms": 9000},
            {"speaker": "agent", "text": "One moment.", "offset_ms": 10_200, "heard_ms": 900},
        ],
        "transfer": {"state": "answered", "target": "desk", "attempts": []},
    }
    wish = {"type": "call.transfer_requested", "at": at(12), "transfer": {"target": "desk"}}
    pieces = {
        "events/e1": {"type": "call.started", "at": at(0)},
        "events/e2": wish,
        "connect/answer-1": {"numbers": ["+918047100011"], "target": "desk"},
        "dial/d1": {"state": "ringing", "number": "+918047100011"},
        "dial/d2": {"state": "answered", "number": "+918047100011"},
    }
    source = store_of(tmp_path, record, **{f"calls/{sid}/{name}.json": body for name, body in pieces.items()})
    for name, seconds in (("connect/answer-1", 14), ("dial/d1", 16), ("dial/d2", 24)):
        moment = (STARTED + timedelta(seconds=seconds)).timestamp()
        os.utime(tmp_path / "calls" / sid / f"{name}.json", (moment, moment))
    return view(source, sid, numbers=numbers)


def test_one_line_of_time_tells_everything_that_happened(tmp_path):
    """A dial event says no time of its own: when it was written is when Exotel told of it."""
    items = handed_over(tmp_path)["timeline"]
    assert [(item["at_ms"], item["kind"]) for item in items] == [
        (0, "event"), (4000, "agent"), (7895, "turn"), (10_200, "turn"), (12_000, "tool"), (14_000, "transfer"),
        (16_000, "transfer"), (24_000, "transfer"),
    ]  # fmt: skip
    told = {item["at_ms"]: item.get("text") for item in items}
    assert told[4000] == "day failed (ElevenLabs had an internal error (close 1011)); night took over."
    assert told[14_000] == "Exotel was given 1 number to dial, 2 s after it was asked for."
    assert told[16_000] == "***0011 rings, 4 s after it was asked for."
    assert told[24_000] == "***0011 picked up, 12 s after it was asked for."
    assert items[3]["answer_ms"] == 1200


def test_a_failed_call_says_why_first_in_words_and_what_to_do(tmp_path):
    [record] = records(1)
    record |= {"end_reason": "agent_failed", "agents": [{"vendor": "elevenlabs", "end_reason": "http_401"}]}
    shown = view(store_of(tmp_path, record), record["call_sid"], numbers=False)
    assert shown["cause"]["sentence"] == "ElevenLabs refused the API key."
    assert "ELEVENLABS_API_KEY" in shown["cause"]["advice"]


def test_a_running_call_is_shown_as_running(tmp_path):
    """From the record that the functions keep as it goes; in a folder without functions, from its first event."""
    [record] = records(1)
    record |= {"ended_at": None, "end_reason": None, "duration_s": None, "sources": ["relay"]}
    sid = record["call_sid"]
    assert row_of(sid, json.dumps(record).encode()).end_reason == "running"
    assert view(store_of(tmp_path, record), sid, numbers=False)["running"]
    begun = {"type": "call.started", "at": at(0)}
    source = store_of(tmp_path / "folder", {**record, "call_sid": "x1"}, **{"calls/x1/events/e1.json": begun})
    (tmp_path / "folder" / "logs" / "x1.json").unlink()
    assert view(source, "x1", numbers=False)["running"]
    assert not handed_over(tmp_path / "over")["running"]


def test_a_call_that_is_sent_is_masked_whatever_the_page_shows_and_holds_no_markup_of_a_callers(tmp_path):
    call = handed_over(tmp_path)
    call["timeline"][2]["heard"] = "<img src=x onerror=alert(1)> my number is ***0001"
    sound = tmp_path / "a.wav"
    write_wav(sound, 8000, np.zeros(800, np.int16), np.zeros(800, np.int16))
    text, page, document = (FORMATS[kind][1](call, sound).decode() for kind in ("txt", "html", "json"))
    assert "98" not in json.loads(document)["record"]["from"]
    assert "raw" not in json.loads(document)
    assert "Agent: One moment." in text
    assert "0:10" in text
    assert "What went wrong" not in text
    assert "<img" not in page
    assert 'src="data:audio/wav;base64,UklGR' in page
    assert "+918047100011" not in text + page + document


def test_a_running_call_shows_the_words_so_far(tmp_path):
    """In a folder there is no record yet, and the bucket's has no words before the end. A relay appends them there."""
    turns = [
        {"index": 0, "speaker": "agent", "text": "Good morning", "at": "2026-11-23T10:00:01.000Z", "offset_ms": 900}
    ]
    told = {
        **{"number": 2, "call_sid": "call1", "stream_sid": "s", "started_at": "2026-11-23T10:00:00.000Z"},
        **{"from": "09876500001", "agent": {"alias": "desk"}, "turns": [], "tools": [], "commands": []},
    }
    more = {**told, "number": 3, "after": 2, "turns": turns}
    started = {"type": "call.started", "event_id": "e", "call_sid": "call1", "at": "2026-11-23T10:00:00.000Z"}
    for key, *content in (("calls/call1/events/e.json", started), ("pending/live/call1/s.json", told, more)):
        (tmp_path / key).parent.mkdir(parents=True)
        (tmp_path / key).write_text("\n".join(map(json.dumps, content)))
    found = view(open_source(f"file:{tmp_path}"), "call1", numbers=False)
    assert found is not None
    assert found["running"]
    assert [item["heard"] for item in found["timeline"] if item["kind"] == "turn"] == ["Good morning"]
    assert (found["record"]["from"], found["record"]["agent"]["alias"]) == ("***0001", "desk")
    assert "index" not in found["record"]["turns"][0]
