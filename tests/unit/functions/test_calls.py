"""The record: what it says in each situation. That no order changes it, `test_exactly_once` shows."""

import pytest

from common.times import rfc3339
from functions.common.calls import fold
from functions.common.pieces import Pieces
from tests.support import calls
from tests.support.calls import STARTED, turn
from tests.support.memory_store import MemoryStore


def record(*events, results=(), closings=()):
    return fold(calls.CALL, Pieces(events=events, results=results, closings=closings))


def result(conversation_id="conv_01", start=STARTED, turns=(), **more):
    return {
        "source": "webhook",
        "conversation_id": conversation_id,
        "at": rfc3339(start + 60),
        "started_at": rfc3339(start),
        "duration_s": 50,
        "turns": list(turns),
        **more,
    }


def agent(number, start, vendor="elevenlabs"):
    return {
        "alias": f"a{number}",
        "vendor": vendor,
        "id": f"agent_{number}",
        "conversation_id": f"conv_0{number}",
        "started_at": rfc3339(STARTED + start),
    }


def test_what_tools_were_asked_is_kept_of_every_stream():
    """And an event of a relay of before, which knows no tools, is none the worse."""
    use = {"name": "order_status", "at": rfc3339(STARTED), "ms": 120, "status": "200", "arguments": "{}"}
    assert record(calls.ended(tools=[use]))["tools"] == [use]
    assert record(calls.ended())["tools"] == []


def test_what_was_done_to_a_call_is_kept():
    done = {"id": "c1", "do": "note", "by": "asha", "at": rfc3339(STARTED), "outcome": "done", "detail": ""}
    assert record(calls.ended(commands=[{**done, "index": 0}]))["commands"] == [done]
    assert record(calls.ended())["commands"] == []


def test_which_version_of_the_agents_file_a_call_began_with():
    made = record(calls.started(agents_version="7-3fa9c1d02b6e"), calls.ended(agents_version="7-3fa9c1d02b6e"))
    assert made["agents_version"] == "7-3fa9c1d02b6e"
    assert record(calls.ended())["agents_version"] is None


def test_what_the_look_up_said_of_a_call():
    """An event of a relay of before knows nothing of it, and what is no tag is none."""
    lookup = {"ms": 120, "outcome": "ok", "problem": ""}
    made = record(calls.ended(lookup=lookup, tags=["vip", 5]))
    assert (made["lookup"], made["tags"]) == (lookup, ["vip"])
    assert (record(calls.ended())["lookup"], record(calls.ended())["tags"]) == (None, [])
    running = record(calls.started(lookup=lookup, tags=["vip"]))
    assert (running["lookup"], running["tags"]) == (lookup, ["vip"])


def test_every_key_of_the_contract_is_there_even_when_nothing_is_known():
    assert set(record()) == {
        *("schema", "call_sid", "stream_sid", "conversation_id", "agent", "agents", "agents_version"),
        *("from", "to"),
        *("started_at", "ended_at", "duration_s", "ended_by", "end_reason", "end_detail"),
        *(
            "turns",
            "tools",
            "commands",
            "transfer",
            "analysis",
            "lookup",
            "tags",
            "charges",
            "cost",
            "vendor_version",
            "recording",
            "quality",
            "streams",
            "sources",
        ),
    }


def test_a_handshake_retry_is_one_call_of_two_streams():
    """The first stream is replaced by the second, which decides how the call ended."""
    first = calls.ended("replaced", 1, stream_sid="one", started_at=rfc3339(STARTED - 9), quality={"gaps": 7}, turns=[])
    made = record(first, calls.started(2, stream_sid="two"), calls.ended("caller_hung_up", 3, stream_sid="two"))
    assert (made["stream_sid"], made["end_reason"], made["ended_by"]) == ("two", "caller_hung_up", "caller")
    assert made["started_at"] == rfc3339(STARTED - 9)
    assert made["duration_s"] == 124
    assert made["quality"]["gaps"] == 0
    assert made["turns"][0]["offset_ms"] == 9800  # from the start of the call, not of the stream


def test_a_call_whose_relay_died_ends_when_the_vendor_says():
    closing = {"stream_sid": calls.STREAM, "ended_at": rfc3339(STARTED + 3900)}
    made = record(calls.started(), closings=[closing], results=[result()])
    assert (made["ended_by"], made["end_reason"]) == ("relay", "relay_lost")
    assert made["ended_at"] == rfc3339(STARTED + 50)
    assert made["sources"] == ["relay", "repair", "webhook"]


def test_the_relay_s_own_word_comes_before_the_sweep_s():
    """An event that was replayed from the log after the sweep had closed the call."""
    closing = {"stream_sid": calls.STREAM, "ended_at": rfc3339(STARTED + 3900)}
    assert record(calls.started(), calls.ended(), closings=[closing])["end_reason"] == "agent_ended"


def test_the_vendor_s_text_with_the_relay_s_times():
    vendor = [
        {"speaker": "agent", "text": "Good morning! How can I help?", "offset_ms": 0, "interrupted": False},
        {"speaker": "caller", "text": "Uh.", "offset_ms": 3000, "interrupted": False},
        {"speaker": "caller", "text": "I'd like a price for ten!", "offset_ms": 4000, "interrupted": False},
    ]
    turns = record(calls.ended(), results=[result(turns=vendor)])["turns"]
    assert [item["text"] for item in turns] == [item["text"] for item in vendor]
    assert [item["offset_ms"] for item in turns] == [800, 3000, 4200]
    assert turns[0]["heard_ms"] == 1900
    assert turns[1]["heard_ms"] is None


def test_an_agent_that_failed_and_the_one_that_took_over_keep_their_own_words():
    """Only the first has a transcript of the vendor's; of the second there is what the relay heard."""
    live = [turn("agent", "Good mor", 1), turn("agent", "Sorry, I am back.", 31), turn("caller", "Fine.", 35)]
    ended = calls.ended(agents=[agent(1, 0), agent(2, 30, "openai")], turns=live)
    first = result("conv_01", turns=[{"speaker": "agent", "text": "Good morning.", "offset_ms": 0}])
    made = record(ended, results=[first])
    assert [item["text"] for item in made["turns"]] == ["Good morning.", "Sorry, I am back.", "Fine."]
    assert made["agent"] == {"alias": "a2", "vendor": "openai", "id": "agent_2"}
    assert made["conversation_id"] == "conv_02"


def test_a_transcript_that_was_fetched_completes_a_webhook_without_one():
    bare = result(analysis={"call_successful": "success"})
    fetched = result(
        source="repair",
        analysis={"call_successful": "success"},
        turns=[{"speaker": "agent", "text": "Hi.", "offset_ms": 0}],
    )
    made = record(results=[bare, fetched])
    assert [item["text"] for item in made["turns"]] == ["Hi."]
    assert made["sources"] == ["repair", "webhook"]


def test_text_that_is_not_a_number_is_kept_as_it_is():
    assert record({**calls.started(), "from": "sip:anonymous@example"})["from"] == "sip:anonymous@example"


def test_only_exotel_has_ever_heard_of_the_call():
    """The relay was down. The record says so; without one, nobody would ever see that callers got nothing."""
    store = MemoryStore()
    calls.transfer_app(store).handle(
        calls.exotel("passthru", CallSid=calls.CALL, Stream__Status="failed", Stream__Error="3009 no ws conn")
    )
    made = calls.record_of(store)
    assert made["sources"] == []
    assert made["streams"][0]["status"] == "failed"


def test_a_piece_that_can_not_be_read_does_not_hide_the_others():
    store = MemoryStore()
    store.create(f"calls/{calls.CALL}/events/broken.json", b"\x00")
    calls.webhook_app(store).handle(calls.signed_event(calls.ended()))
    assert calls.record_of(store)["end_reason"] == "agent_ended"


def test_a_conflict_is_read_again_and_nothing_is_lost():
    """Somebody else's piece and record come between our reading and our writing."""
    store = MemoryStore()
    other = calls.webhook_app(store)
    swap, interrupted = store.swap, []

    def interrupting(key, body, version):
        if key.startswith("logs/") and not interrupted:
            interrupted.append(key)
            other.handle(calls.signed_webhook(calls.post_call(calls.conversation())))
        return swap(key, body, version)

    calls.webhook_app(store).handle(calls.signed_event(calls.started()))
    store.swap = interrupting
    calls.webhook_app(store).handle(calls.signed_event(calls.ended()))
    assert interrupted
    made = calls.record_of(store)
    assert (made["end_reason"], made["sources"]) == ("agent_ended", ["relay", "webhook"])


def test_turns_that_begin_alike_are_kept_apart():
    """The relay heard the second only; its time must not go to the first, which has the same first words."""
    tea, coffee = (turn("caller", f"I would like {what}", at) for what, at in (("tea", 1), ("coffee", 9)))
    told = [{**one, "offset_ms": number * 1000} for number, one in enumerate((tea, coffee))]
    made = record(calls.ended(turns=[coffee]), results=[result(turns=told)])
    assert [one["at"] for one in made["turns"]] == [rfc3339(STARTED), coffee["at"]]


def test_turns_that_both_wrote_down_differently_are_the_same_turns():
    """One word for another, as many turns on both sides: each gets the time of the one in its place."""
    heard = [turn("agent", "Good morning", 1), turn("caller", "Two please", 4, heard_ms=5), turn("agent", "Bye", 9)]
    told = [turn("agent", "Good morning", 2), turn("caller", "Too, please", 6), turn("agent", "Bye", 10)]
    made = record(calls.ended(turns=heard), results=[result(turns=told)])
    assert [(one["text"], one["at"]) for one in made["turns"]] == [
        *(("Good morning", heard[0]["at"]), ("Too, please", heard[1]["at"]), ("Bye", heard[2]["at"]))
    ]
    told[1]["speaker"] = "agent"
    made = record(calls.ended(turns=heard), results=[result(turns=told)])
    assert made["turns"][1]["at"] == told[1]["at"], "who spoke differs: not the same turn"


def test_more_turns_on_one_side_are_not_matched_by_their_place():
    heard = [turn("agent", "Hello", 1), turn("caller", "Two", 4), turn("agent", "Bye", 9)]
    told = [turn("agent", "Hello", 2), turn("caller", "Too", 5), turn("caller", "please", 6), turn("agent", "Bye", 9)]
    made = record(calls.ended(turns=heard), results=[result(turns=told)])
    assert [one["at"] for one in made["turns"]] == [one["at"] for one in (heard[0], told[1], told[2], heard[2])]


def test_a_relay_s_report_without_the_time_of_the_end_ends_the_call_when_it_was_sent():
    """`ended_at` of an older relay, or unreadable: the time of the event is the next best."""
    told = rfc3339(calls.ENDED - 3)
    assert record(calls.ended(ended_at=told))["ended_at"] == told
    assert record(calls.ended(ended_at="soon"))["ended_at"] == rfc3339(calls.ENDED)
    assert record({**calls.ended(ended_at="soon"), "at": "later"})["ended_at"] is None


def test_a_length_that_cannot_be_one_leaves_the_record_whole():
    """Kept by an earlier release, which did not look: the record could never be written again."""
    made = record(results=[result(duration_s=1e14, turns=[{**turn("agent", "Hello", 1), "offset_ms": 1e15}])])
    assert (made["ended_at"], made["turns"][0]["text"]) == (None, "Hello")


@pytest.mark.parametrize("masked", [True, False])
def test_keys_stand_in_the_record_only_where_they_may(masked):
    """What the relay told the agent of them comes back in the vendor's transcript."""
    said = "The caller pressed on the phone's keypad: 4111#"
    ended = calls.ended(turns=[calls.turn("caller", said, 3.0)])
    if masked:
        ended["agents"][0]["keys_masked"] = True
    [turn] = record(calls.started(), ended)["turns"]
    assert turn["text"] == ("The caller pressed on the phone's keypad: ***" if masked else said)
