"""What ElevenLabs' API is asked for, and what each of its answers means to the sweep."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.common.fetch import Answer, FetchError
from functions.webhook.api import ApiClosedError, ApiError, ConversationsApi, Page

BASE = "https://api.elevenlabs.example"
LIST = f"{BASE}/v1/convai/conversations"


class Api:
    """Answers as told; `asked`: method, address, headers and seconds of each request."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def __call__(self, method, url, *, headers, timeout_s, into=None):
        self.asked.append((method, url, headers, timeout_s))
        if isinstance(self.answer, Exception):
            raise self.answer
        if into is not None and self.answer.status == 200:
            into.write(self.answer.body)
        return self.answer


def api(answer):
    fetch = Api(answer)
    return ConversationsApi(BASE, "key_1", fetch), fetch


def said(code=200, /, **document):
    return Answer(code, json.dumps(document).encode())


@pytest.mark.parametrize("status", ["done", "failed"])
def test_a_finished_conversation_comes_parsed_and_as_received(status):
    answer = said(conversation_id="conv 1", status=status, transcript=[])
    conversations, fetch = api(answer)
    document, body = conversations.conversation("conv 1")
    assert document == {"conversation_id": "conv 1", "status": status, "transcript": []}
    assert body == answer.body
    assert fetch.asked == [("GET", f"{LIST}/conv%201", {"xi-api-key": "key_1"}, 10)]


@pytest.mark.parametrize(
    "answer", [said(404), said(conversation_id="conv_1", status="processing"), said(conversation_id="conv_1")]
)
def test_a_conversation_that_is_not_known_or_not_finished_is_none(answer):
    assert api(answer)[0].conversation("conv_1") is None


def test_a_call_s_sound_comes_in_a_file_at_its_start():
    conversations, fetch = api(Answer(200, b"ID3 sound"))
    with conversations.audio("conv_1") as sound:
        assert sound.read() == b"ID3 sound"
    assert fetch.asked == [("GET", f"{LIST}/conv_1/audio", {"xi-api-key": "key_1"}, 15)]


@pytest.mark.parametrize("answer", [Answer(200, b""), Answer(404, b"no such conversation")])
def test_no_sound_is_none(answer):
    assert api(answer)[0].audio("conv_1") is None


def test_a_sound_that_breaks_off_is_an_error():
    with pytest.raises(ApiError, match="the answer broke off"):
        api(FetchError("the answer broke off"))[0].audio("conv_1")


def test_a_page_of_the_list_is_asked_for_by_times_and_cursor():
    listed = [{"conversation_id": "conv_1"}, {"conversation_id": "../x"}, {}, 7, {"conversation_id": "conv_2"}]
    conversations, fetch = api(said(conversations=listed, has_more=True, next_cursor="c2"))
    assert conversations.listed(1000.9, 2000.9, "c1") == Page(("conv_1", "conv_2"), "c2")
    [(method, url, headers, timeout_s)] = fetch.asked
    assert (method, headers, timeout_s) == ("GET", {"xi-api-key": "key_1"}, 10)
    assert url.startswith(f"{LIST}?")
    assert parse_qs(urlsplit(url).query) == {
        "page_size": ["100"],
        "call_start_after_unix": ["1000"],
        "call_start_before_unix": ["2000"],
        "cursor": ["c1"],
    }


def test_the_first_page_has_no_cursor_and_the_last_says_so():
    conversations, fetch = api(said(conversations=[], has_more=False, next_cursor="ignored"))
    assert conversations.listed(0, 1, None) == Page((), None)
    assert "cursor" not in parse_qs(urlsplit(fetch.asked[0][1]).query)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (said(conversation_id="conv_2"), "asked for conv_1, the answer is about 'conv_2'"),
        (Answer(200, b"<html>"), "the answer about conv_1 can't be read: "),
        (said(500), f"{LIST}/conv_1: HTTP 500"),
        (FetchError("too slow"), f"no answer from {LIST}: too slow"),
    ],
)
def test_an_answer_without_the_conversation_says_why_and_the_next_may_have_it(answer, problem):
    with pytest.raises(ApiError) as refused:
        api(answer)[0].conversation("conv_1")
    assert str(refused.value).startswith(problem)
    assert not isinstance(refused.value, ApiClosedError)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (said(401), f"{LIST} refuses ELEVENLABS_API_KEY with 401; does it belong to the region ELEVENLABS_REGION?"),
        (said(429), f"{LIST} answers 429: too many requests"),
    ],
)
def test_after_a_refused_key_and_too_many_requests_nothing_more_is_asked(answer, problem):
    with pytest.raises(ApiClosedError) as refused:
        api(answer)[0].conversation("conv_1")
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (said(404), "the list of conversations: HTTP 404"),
        (said(conversations={}), "the list of conversations: expected a field conversations"),
        (Answer(200, b"[]"), "the answer about the list of conversations can't be read: "),
        (said(502), f"{LIST}: HTTP 502"),
    ],
)
def test_a_list_that_can_not_be_read_says_why(answer, problem):
    with pytest.raises(ApiError) as refused:
        api(answer)[0].listed(0, 1, None)
    assert str(refused.value).startswith(problem)
