"""What REDACT takes out of what is kept, on 300 made-up sentences (tests/fixtures/redaction.tsv) and in the store."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.env import SettingError
from functions.common.fetch import Answer
from functions.common.redaction import ALL, Rule, find, redact
from functions.common.redaction.checksums import luhn, verhoeff
from functions.webhook.settings import Settings
from scripts.redaction_figures import left_over, measured, sentences, table
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore, MemoryStore
from tests.support.processes import ROOT

CORPUS = list(sentences())
CARD, AADHAAR, PAN, EMAIL, OTP = "4111 1111 1111 1111", "2345 6789 0124", "ABCPE1234F", "asha@example.in", "482913"


def test_the_figures_in_the_docs_are_those_of_the_corpus():
    assert table() in (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_the_corpus_is_large_enough_to_mean_something():
    assert len(CORPUS) == 300
    assert {rule: figures.marked >= 20 for rule, figures in measured().items()} == dict.fromkeys(Rule, True)
    assert sum(1 for sentence in CORPUS if not sentence.marked) >= 100


def test_what_was_found_stays_found():
    for rule, figures in measured().items():
        assert figures.gone / figures.marked >= 0.9, rule
        assert figures.right / figures.finds >= (0.8 if rule is Rule.PHONE else 0.95), rule


def test_only_these_sentences_keep_something():
    """New ones are a step back; the page says which they are."""
    kept = [sentence.text for sentence in CORPUS if left_over(sentence, find(sentence.text, before=sentence.before))]
    assert [text.split()[0] for text in kept] == ["My", "PAN", "it"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"card {CARD}, cvv 123", "card [card], cvv [card]"),
        (f"Aadhaar {AADHAAR}", "Aadhaar [aadhaar]"),
        (f"it is {PAN.lower()}.", "it is [pan]."),
        (f"write to {EMAIL}!", "write to [email]!"),
        (f"OTP {OTP}", "OTP [otp]"),
        ("pay anjali.s@okbank, or follow @voicebridge", "pay [email], or follow @voicebridge"),
        ("call +91 98765 43210 or double nine eight seven six five four three two", "call ***3210 or ***"),
        ("call 98765 43210 double five please", "call ***3210 please"),
        ("नौ आठ सात छह पांच चार तीन दो एक शून्य है", "*** है"),
        ("at 10:30 on 28/11/2026, flat 302, ₹1,24,999.00", "at 10:30 on 28/11/2026, flat 302, ₹1,24,999.00"),
    ],
)
def test_redacted_values_are_replaced_by_their_labels(text, left):
    assert redact(text, ALL) == left


def test_each_rule_is_on_its_own():
    text = f"{CARD}; {AADHAAR}; {PAN}; {EMAIL}; OTP {OTP}; 9876543210"
    for rule in Rule:
        assert {span.rule for span in find(text, frozenset({rule}))} == {rule}
    assert redact(text, frozenset()) == text


def test_a_number_without_its_check_digit_needs_the_word_for_it():
    wrong = "4111 1111 1111 1112"
    assert not find(wrong, frozenset({Rule.CARD}))
    assert find(f"my card is {wrong}", frozenset({Rule.CARD}))
    assert find(wrong, frozenset({Rule.CARD}), before="What is your card number?")
    assert not find("2345 6789 0125", frozenset({Rule.AADHAAR}))
    assert find("आधार 2345 6789 0125", frozenset({Rule.AADHAAR}))


@given(st.text("0123456789", min_size=11, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_a_check_digit_knows_a_wrong_digit(digits, place, more):
    for check in (luhn, verhoeff):
        whole = next(digits + str(last) for last in range(10) if check(digits + str(last)))
        place %= len(whole)
        assert not check(whole[:place] + str((int(whole[place]) + more) % 10) + whole[place + 1 :])


def test_known_numbers_have_their_check_digits():
    """236 → 2363 is the example of Verhoeff's own; 4111… and 79927398713 those of Luhn's."""
    assert verhoeff("2363")
    assert luhn("79927398713")
    assert luhn("4111111111111111")
    assert not verhoeff("2633")


@given(st.text(max_size=300), st.text(max_size=80))
def test_finds_lie_in_the_text_one_behind_the_other(text, before):
    spans = find(text, before=before)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


def test_a_long_text_takes_no_long_time():
    """What is quadratic would hold up a function for its whole time: this returns at once or not at all."""
    for text in ("1 ", "nine ", "a ", "a at ", "a dot ", "a@b.", "otp 1234 ", "A B C P E ", "card 4111 "):
        redact(text * (50_000 // len(text)), ALL)
    assert len(redact("x" * 300_000, ALL)) == 100_000


def test_a_wrong_rule_stops_the_start_and_names_those_there_are():
    with pytest.raises(SettingError, match="REDACT='card, passport': expected all, or some of aadhaar, card, email"):
        Settings.from_env({**calls.ENVIRONMENT, "REDACT": "card,passport"})
    assert Settings.from_env({**calls.ENVIRONMENT, "REDACT": "Card, OTP"}).redact == {Rule.CARD, Rule.OTP}
    assert Settings.from_env({**calls.ENVIRONMENT, "REDACT": "all"}).redact == ALL
    assert Settings.from_env(calls.ENVIRONMENT).redact == frozenset()


SECRETS = (CARD, AADHAAR, PAN, EMAIL, OTP, "98111 84210")
SAID = f"Card {CARD}, Aadhaar {AADHAAR}, PAN {PAN}, mail {EMAIL}, OTP {OTP}, call 98111 84210."


def tell(app):
    """A call in which everything there is to say is said, everywhere it can be said."""
    wish = {"target": "sales", "reason": SAID, "summary": SAID}
    tool = {"name": "book", "at": "2026-11-23T09:59:00.000Z", "ms": 5, "status": "200"}
    turns = [
        calls.turn("agent", "Please read me the OTP.", 1),
        calls.turn("caller", OTP, 2),
        calls.turn("caller", SAID, 3),
    ]
    end = calls.ended("transferred", turns=turns, transfer=wish, end_detail=SAID)
    end["tools"] = [{**tool, "arguments": json.dumps({"note": SAID})}]
    end["agents"][0]["end_detail"] = SAID
    note = {"id": "c1", "do": "note", "by": "asha", "at": tool["at"], "outcome": "done", "detail": SAID}
    end |= {"tags": [SAID], "lookup": {"ms": 5, "outcome": "partly", "problem": SAID}}
    end["commands"] = [{**note, "arguments": {"text": SAID}}]
    collected = {"otp": {"value": OTP}, "phone": {"value": 9811184210}, "note": {"value": SAID, "rationale": SAID}}
    data = calls.conversation()
    data["transcript"][1]["message"] = SAID
    data["analysis"] |= {"transcript_summary": SAID, "data_collection_results": collected}
    for event in (calls.started(), calls.transfer_requested(transfer=wish), end):
        assert app.handle(calls.signed_event(event)).status == 200
    assert app.handle(calls.signed_webhook(calls.post_call(data))).status == 200


def test_nothing_of_it_is_kept():
    store = MemoryStore()
    tell(calls.webhook_app(store, REDACT="all", RAW_BODIES="drop"))
    whole = b"\n".join(store.objects.values()).decode()
    assert [secret for secret in (*SECRETS, "9811184210") if secret in whole] == []
    record = calls.record_of(store)
    assert record["from"] == "+919876500001"
    assert record["transfer"]["target"] == "sales"
    assert (
        record["transfer"]["summary"]
        == "Card [card], Aadhaar [aadhaar], PAN [pan], mail [email], OTP [otp], call ***4210."
    )
    assert record["analysis"]["data_collection_results"]["phone"] == {"value": "***4210"}
    assert record["analysis"]["data_collection_results"]["otp"] == {"value": "[otp]"}


def test_without_rules_everything_is_kept_as_it_came():
    store = MemoryStore()
    tell(calls.webhook_app(store))
    assert all(secret in calls.record_of(store)["transfer"]["summary"] for secret in SECRETS)
    assert store.objects[f"calls/{calls.CALL}/events/{1:032x}.json"] == calls.signed_event(calls.started()).body


def raw(store):
    return [body for key, body in store.objects.items() if key.startswith("inbox/2")]


def test_a_dropped_body_leaves_its_size_and_a_repeat_is_still_known():
    store = MemoryStore()
    app = calls.webhook_app(store, RAW_BODIES="drop")
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    assert calls.body_of(app.handle(request)) == {"status": "ok", "duplicate": False}
    assert raw(store) == [b'{"dropped":true,"bytes":%d}' % len(request.body)]
    before = dict(store.objects)
    assert calls.body_of(app.handle(request)) == {"status": "ok", "duplicate": True}
    assert store.objects == before
    assert calls.record_of(store)["sources"] == ["webhook"]


def test_a_body_that_was_not_understood_is_not_dropped():
    """There is nothing else of it."""
    store = MemoryStore()
    calls.webhook_app(store, RAW_BODIES="drop").handle(calls.signed_webhook(b"{ not JSON"))
    assert b"{ not JSON" in raw(store)


def test_an_index_lists_the_raw_bodies_of_a_conversation():
    store = MemoryStore()
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    calls.webhook_app(store).handle(request)
    [(_, pointer)] = [item for item in store.objects.items() if item[0].startswith("inbox/of/conv_01/")]
    assert store.objects[json.loads(pointer)["inbox"]] == request.body


def test_the_ticket_service_gets_the_bytes_before_they_go():
    store, sent = MemoryStore(), []

    def fetch(method, url, *, headers, body=None, timeout_s=10):
        sent.append(body)
        return Answer(200, b"")

    tickets = {"RAW_BODIES": "drop", "TICKET_SERVICE_URL": "https://tickets.example"}
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    calls.webhook_app(store, **tickets).handle(request)
    assert raw(store) == [request.body]
    calls.webhook_app(store, lambda: calls.NOW + 300, fetch, **tickets).sweep()
    assert sent == [request.body]
    assert request.body not in raw(store)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(16))
def test_the_sweep_finishes_an_interrupted_drop(dies_at, after):
    store, request = MemoryStore(), calls.signed_webhook(calls.post_call(calls.conversation()))
    try:
        calls.webhook_app(CrashingStore(store, dies_at, after=after), RAW_BODIES="drop").handle(request)
    except Crash:
        calls.webhook_app(store, RAW_BODIES="drop").handle(request)  # the sender got no answer
    calls.webhook_app(store, lambda: calls.NOW + 10_000, RAW_BODIES="drop").sweep()
    assert request.body not in raw(store)
    assert calls.record_of(store)["sources"] == ["webhook"]
    assert not [key for key in store.objects if key.startswith("pending/webhooks")]
