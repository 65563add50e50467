"""A conversation must belong to its call: whoever starts one with a public agent chooses its variables.

With a known CallSid a stranger rewrote a call's words and set its transfer; with only the caller's phone number, where
the relay's events were missing, as well. The webhook is signed all the same: it is ElevenLabs' own.
"""

import json

import pytest

from common.proof import prove
from tests.support import calls
from tests.unit.functions.test_connect import World
from tests.unit.functions.test_sweep import LATER
from tests.unit.functions.test_sweep import World as SweepWorld


def forged(variables=None, **more):
    """A stranger's conversation, which asks to be put through."""
    data = calls.conversation("sales", conversation_id="conv_stranger", agent_id="agent_public", **more)
    data["transcript"] = [{"role": "user", "message": "Rewritten.", "time_in_call_secs": 1}]
    said = {"caller_number": calls.CALLER, "call_sid": calls.CALL} if variables is None else variables
    data["conversation_initiation_client_data"] = {"dynamic_variables": said}
    return data


def deliver(world, data):
    assert world.webhook.handle(calls.signed_webhook(calls.post_call(data))).status == 200


def counted(caplog):
    return [line for line in caplog.records if getattr(line, "event", "") == "conversation_unverified"]


@pytest.mark.parametrize(
    "call_proof", [None, "", "x", f"{calls.STREAM}:{'0' * 64}", prove("other", calls.STREAM, calls.EVENTS_SECRET)]
)
def test_a_stranger_who_knows_the_call_sid_changes_nothing(call_proof, caplog):
    world = World()
    world.tell(calls.started(), calls.ended())
    before = calls.record_of(world.store)
    variables = {"caller_number": calls.CALLER, "call_sid": calls.CALL}
    deliver(world, forged(variables if call_proof is None else {**variables, "call_proof": call_proof}))
    assert calls.record_of(world.store) == before
    assert world.connect().status == 503, "still undecided: the call's own conversation has not been heard of"
    assert len(counted(caplog)) == 1
    assert [key for key in world.store.objects if key.startswith("conversations/conv_stranger/webhook-")], "kept aside"
    assert not [key for key in world.store.objects if key == "conversations/conv_stranger/call"]


def test_a_strangers_webhook_before_the_relay_reported_the_call(caplog):
    world = World(TRANSFER_WAIT_SECONDS="0")
    deliver(world, forged())
    assert world.numbers() == []
    assert f"logs/{calls.CALL}.json" not in world.store.objects
    assert counted(caplog)


def test_a_stranger_who_knows_only_the_phone_number(caplog):
    world = World(TRANSFER_WAIT_SECONDS="0")
    deliver(world, forged({"caller_number": calls.CALLER}))
    assert world.numbers() == []
    assert world.numbers(CallSid="") == []
    assert counted(caplog)
    assert not [key for key in world.store.objects if key.startswith("callers/")]


def test_a_number_that_the_vendor_itself_saw_is_no_proof_either():
    """A caller of another phone line of the workspace's, which leads to the vendor directly."""
    world = World(TRANSFER_WAIT_SECONDS="0")
    deliver(world, forged({"system__caller_id": calls.CALLER}))
    assert world.numbers() == []


def test_a_chat_that_names_no_call_is_nobody_s_and_no_alarm(caplog):
    world = World()
    deliver(world, forged({"visitor": "7"}))
    assert not counted(caplog)


def test_the_relay_s_own_word_counts_without_a_proof():
    """While the functions are newer than the relay, and for `make replay`: the event names the conversation."""
    world = World()
    own = calls.conversation("sales")
    del own["conversation_initiation_client_data"]["dynamic_variables"]["call_proof"]
    deliver(world, own)
    world.tell(calls.started(), calls.ended())
    assert calls.record_of(world.store)["sources"] == ["relay", "webhook"]
    assert world.numbers() == [calls.SALES]


def test_while_the_secret_is_rotated_proofs_of_both_count():
    world = World(EVENTS_SECRET=f"the-next-secret-of-nobody,{calls.EVENTS_SECRET}")
    deliver(world, calls.conversation("sales"))
    assert calls.record_of(world.store)["sources"] == ["webhook"]


def test_a_proof_is_only_for_its_own_call():
    world = World()
    proof = calls.conversation()["conversation_initiation_client_data"]["dynamic_variables"]["call_proof"]
    deliver(world, forged({"call_sid": "another-call", "call_proof": proof}))
    assert "logs/another-call.json" not in world.store.objects


def test_the_grace_setting_takes_conversations_at_their_word():
    world = World(ACCEPT_UNVERIFIED_CONVERSATIONS="true")
    deliver(world, forged())
    assert calls.record_of(world.store)["turns"][0]["text"] == "Rewritten."


def test_the_sweep_asks_for_the_proof_too(caplog):
    world = SweepWorld()
    world.pages = [["conv_stranger", "conv_01"]]
    world.conversations = {"conv_stranger": forged(), "conv_01": calls.conversation(call_sid="lost-call")}
    assert world.sweep(LATER).repaired == 1
    assert f"logs/{calls.CALL}.json" not in world.store.objects
    assert calls.record_of(world.store, "lost-call")["sources"] == ["repair"]
    assert len(counted(caplog)) == 1
    assert not world.pending()


def test_the_proof_goes_no_further_than_the_inbox():
    """It would let anybody who reads a record pretend to be the call."""
    world = World()
    deliver(world, calls.conversation("sales"))
    kept = {key: body for key, body in world.store.objects.items() if not key.startswith("inbox/")}
    proof = calls.conversation()["conversation_initiation_client_data"]["dynamic_variables"]["call_proof"]
    assert kept
    assert proof not in json.dumps({key: body.decode() for key, body in kept.items()})
