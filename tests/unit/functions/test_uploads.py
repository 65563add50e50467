"""Leave to put the pieces of a recording: for one key, one length, a quarter of an hour, and only once."""

import pytest

from common.recording import LARGEST_PIECE, MOST_PIECES
from functions.common.http import request
from functions.common.store import Upload
from tests.support import calls
from tests.support.memory_store import MemoryStore

KEY = f"recordings/{calls.CALL}/{calls.STREAM}/00000.wav"


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def clock():
    return calls.Clock()


@pytest.fixture
def app(store, clock):
    return calls.webhook_app(store, clock)


def wanted(app, **more):
    return calls.body_of(app.handle(calls.signed_event(calls.upload_wanted(**more))))


def put(app, upload, body, change=lambda query: query):
    assert upload["method"] == "PUT"
    assert upload["url"].startswith("recording?")  # relative to …/relay/events
    query = change(upload["url"].partition("?")[2])
    return app.handle(request("PUT", "/relay/recording", query, upload["headers"], body))


def test_each_requested_piece_gets_its_own_upload_url(app, store):
    uploads = wanted(app, first=3, count=2, size=4)["uploads"]
    assert [upload["piece"] for upload in uploads] == [3, 4]
    for upload, body in zip(uploads, (b"abcd", b"efgh"), strict=True):
        assert put(app, upload, body).status == 200
    pieces = {key: body for key, body in store.objects.items() if key.startswith("recordings/")}
    assert list(pieces.values()) == [b"abcd", b"efgh"]
    assert [key[-9:] for key in pieces] == ["00003.wav", "00004.wav"]


def test_a_piece_is_written_once(app, store):
    upload = wanted(app, size=4)["uploads"][0]
    assert put(app, upload, b"abcd").status == 200
    assert calls.refusal(put(app, upload, b"ABCD")) == (412, "there already")
    assert store.objects[KEY] == b"abcd"


def test_the_event_is_no_part_of_the_call(app, store):
    """An hour has sixty of them, and the record is made of all that lies in the call's folder."""
    wanted(app)
    assert [key for key in store.objects if key.startswith(("calls/", "logs/"))] == []


def test_the_sweep_hears_of_a_recording_before_its_first_piece(app, store):
    """A relay that dies leaves pieces that somebody has to see to."""
    wanted(app, first=8)
    assert store.objects == {}
    wanted(app, first=0)
    assert list(store.objects) == [f"pending/recordings/{calls.CALL}/begun-{calls.STREAM}.json"]


@pytest.mark.parametrize("body", [b"", b"abc", b"abcde"])
def test_an_upload_url_is_for_one_length(app, store, body):
    refused = put(app, wanted(app, size=4)["uploads"][0], body)
    assert calls.refusal(refused) == (400, "expected 4 bytes")
    assert KEY not in store.objects


@pytest.mark.parametrize(
    "change",
    [
        lambda query: query.replace("piece=0", "piece=1"),
        lambda query: query.replace("bytes=4", "bytes=5"),
        lambda query: query.replace(calls.CALL, "another"),
        lambda query: query.replace(calls.STREAM, "another"),
        lambda query: query.replace("expires=1", "expires=2"),
        lambda query: query[:-1],
        lambda query: "",
    ],
)
def test_an_upload_url_is_for_one_piece_only(app, store, change):
    """Refused by the head alone, so that nobody's body is read for nothing."""
    upload = wanted(app, size=4)["uploads"][0]
    assert calls.refusal(put(app, upload, b"abcd", change)) == (403, "bad signature")
    head = request("PUT", "/relay/recording", change(upload["url"].partition("?")[2]))
    assert calls.refusal(app.doors["PUT", "/relay/recording"].judge(head)) == (403, "bad signature")
    assert KEY not in store.objects


def test_an_upload_url_expires(app, clock):
    upload = wanted(app, size=4)["uploads"][0]
    clock.now += 900
    assert put(app, upload, b"abcd").status == 200
    clock.now += 1
    assert calls.refusal(put(app, upload, b"abcd")) == (403, "the permission has expired")


def test_an_upload_url_stays_valid_while_the_secret_is_rotated(store):
    upload = wanted(calls.webhook_app(store), size=4)["uploads"][0]
    rotated = calls.webhook_app(store, EVENTS_SECRET=f"another-secret-of-nobody,{calls.EVENTS_SECRET}")
    assert put(rotated, upload, b"abcd").status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": -1},
        {"first": MOST_PIECES},
        {"first": "0"},
        {"first": True},
        {"count": 0},
        {"count": 17},
        {"size": 0},
        {"size": LARGEST_PIECE + 1},
    ],
)
def test_an_invalid_upload_request_is_refused_by_name(app, store, wrong):
    response = app.handle(calls.signed_event(calls.upload_wanted(**wrong)))
    assert response.status == 400
    name = "bytes" if "size" in wrong else next(iter(wrong))
    assert calls.body_of(response)["error"].startswith(f"{name}=")
    assert store.objects == {}


def test_no_more_pieces_than_the_longest_call_has(app):
    assert len(wanted(app, first=MOST_PIECES - 1, count=16)["uploads"]) == 1


def test_a_store_that_takes_uploads_itself_is_the_one_asked():
    class Bucket(MemoryStore):
        def grant(self, key, size, expires_s):
            return Upload("PUT", f"https://bucket.example/{key}?{size}&{expires_s}", {"x": "y"})

    app = calls.webhook_app(Bucket())
    [upload] = wanted(app, count=1, size=4)["uploads"]
    assert upload == {
        "piece": 0,
        "method": "PUT",
        "url": f"https://bucket.example/{KEY}?4&900",
        "headers": {"x": "y"},
    }
    assert calls.refusal(app.handle(request("PUT", "/relay/recording"))) == (404, "no such route")
