import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common.http import Response, answer, request
from functions.common.routes import serve
from functions.common.store import StoreError
from tests.support.calls import refusal


def test_query_form_multipart_and_json_are_all_read():
    """Exotel documents GET, and integrators have met all of these (exotel.md 2.1, 4.4)."""
    multipart = (
        b'--b\r\nContent-Disposition: form-data; name="CallSid"\r\n\r\nabc\r\n'
        b'--b\r\nContent-Disposition: form-data; name="Stream[Status]"\r\n\r\ncompleted\r\n--b--\r\n'
    )
    for kind, body in (
        ("application/x-www-form-urlencoded", b"CallSid=abc&Stream%5BStatus%5D=completed"),
        ("multipart/form-data; boundary=b", multipart),
        ("application/json", b'{"CallSid": "abc", "Stream[Status]": "completed", "Nothing": null}'),
        ("", b"CallSid=abc&Stream[Status]=completed"),
    ):
        found = request("post", "/x/", "token=t", {"Content-Type": kind}, body).parameters()
        assert found == {"token": "t", "CallSid": "abc", "Stream[Status]": "completed"}


@given(
    st.sampled_from(["application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain"]),
    st.binary(),
)
def test_no_body_raises(kind, body):
    assert isinstance(request("POST", "/x", "", {"content-type": kind}, body).parameters(), dict)


def test_names_of_headers_have_no_case():
    assert request("GET", "/", "", {"X-Thing": "1"}).headers["x-thing"] == "1"


def _fail(error):
    def handler(_):
        raise error

    return handler


ROUTES = {
    ("GET", "/a"): lambda _: answer(200, {}),
    ("POST", "/a"): lambda _: answer(200, {}),
    ("GET", "/store"): _fail(StoreError("no bucket")),
    ("GET", "/bug"): _fail(KeyError("+919876500001")),
}


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/none", 404, "no such route"),
        ("PUT", "/a", 405, "method not allowed"),
        ("GET", "/store", 503, "temporarily unavailable, try again"),
        ("GET", "/bug", 503, "temporarily unavailable, try again"),
    ],
)
def test_what_is_refused_says_why(method, path, status, said):
    assert serve(ROUTES, request("GET", "/a")).status == 200
    assert refusal(serve(ROUTES, request(method, path))) == (status, said)


def test_a_wrong_method_gets_the_allowed_ones():
    assert serve(ROUTES, request("DELETE", "/a")).headers["allow"] == "GET, POST"


def test_answers_are_json_and_not_cached():
    assert Response(200).headers == {"content-type": "application/json", "cache-control": "no-store"}
