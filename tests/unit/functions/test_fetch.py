import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import SimpleNamespace

import pytest

from functions.common import fetch as fetch_module
from functions.common.fetch import FetchError, fetch


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):  # http.server's name
        kind = self.path.strip("/")
        if kind == "redirect":
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()
        elif kind == "garbled":
            self.wfile.write(b"not http at all\r\n\r\n")
        elif kind == "silent":
            self.server.release.wait(10)
        elif kind in {"trickle", "broken"}:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"x" * (300 if kind == "broken" else 333))
                self.wfile.flush()
            self.wfile.write(b"" if kind == "broken" else b"x")
        else:
            self.send_response(404 if kind == "missing" else 200)
            self.end_headers()
            self.wfile.write((self.headers.get("xi-api-key") or "").encode())

    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Length", self.headers["Content-Length"])
        self.end_headers()
        self.wfile.write(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.release = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.release.set()
    server.shutdown()
    server.server_close()


def test_headers_go_out_and_the_body_comes_back(url):
    answer = fetch("GET", f"{url}/ok", headers={"xi-api-key": "key"})
    assert (answer.status, answer.body) == (200, b"key")


def test_a_body_goes_out_to_the_byte(url):
    body = bytes(range(256))
    assert fetch("POST", f"{url}/echo", headers={"content-type": "application/json"}, body=body).body == body


def test_a_status_is_an_answer(url):
    assert fetch("GET", f"{url}/missing", headers={}).status == 404


def test_a_redirect_is_not_followed(url):
    """The key, or a transcript, would go to wherever it points."""
    assert fetch("GET", f"{url}/redirect", headers={"xi-api-key": "key"}).status == 302


def test_silence_has_an_end(url):
    with pytest.raises(FetchError, match="timed out"):
        fetch("GET", f"{url}/silent", headers={}, timeout_s=0.1)


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "http://", "nonsense"])
def test_an_unreachable_target_is_a_fetch_error(target):
    with pytest.raises(FetchError):
        fetch("GET", target, headers={}, timeout_s=1)


def test_a_garbled_answer_is_an_error(url):
    with pytest.raises(FetchError):
        fetch("GET", f"{url}/garbled", headers={})


def test_an_answer_over_the_size_limit_is_an_error(url, monkeypatch):
    """Announced or not: a document of any size would take the function's memory, and with it the other requests."""
    monkeypatch.setattr(fetch_module, "LARGEST_DOCUMENT", 2)
    with pytest.raises(FetchError, match="more than 2"):
        fetch("GET", f"{url}/ok", headers={"xi-api-key": "longer"})
    with pytest.raises(FetchError, match="an answer of 6 bytes, which is more than 2"):
        fetch("POST", f"{url}/announced", headers={}, body=b"longer")


def test_what_goes_into_a_file_may_be_larger_but_not_without_end(url, monkeypatch):
    monkeypatch.setattr(fetch_module, "LARGEST_DOCUMENT", 2)
    file = BytesIO()
    answer = fetch("GET", f"{url}/ok", headers={"xi-api-key": "a call's sound"}, into=file)
    assert (answer.status, answer.body, file.getvalue()) == (200, b"", b"a call's sound")
    monkeypatch.setattr(fetch_module, "LARGEST_FILE", 4)
    with pytest.raises(FetchError, match="more than 4 bytes"):
        fetch("GET", f"{url}/ok", headers={"xi-api-key": "a call's sound"}, into=BytesIO())


def test_an_error_is_no_file(url):
    file = BytesIO()
    assert fetch("GET", f"{url}/missing", headers={"xi-api-key": "no such call"}, into=file).body == b"no such call"
    assert file.getvalue() == b""


def test_an_answer_that_trickles_has_an_end(url, monkeypatch):
    """Each byte came in time, and the function waited for the next until it was killed, with all that it had to do."""
    clock = iter(range(0, 1000, 100))
    monkeypatch.setattr(fetch_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(FetchError, match="too slowly"):
        fetch("GET", f"{url}/trickle", headers={}, timeout_s=10)


def test_an_answer_that_breaks_off_is_none(url):
    with pytest.raises(FetchError, match="broke off"):
        fetch("GET", f"{url}/broken", headers={})
