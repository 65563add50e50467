"""The checks of a deploy's last step, against a server that answers what the test says."""

import base64
import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from console.deployment.public_checks import CheckError, check_refusals, check_upgrade, status_of, wait_until_ready

TOKEN = "right_token"


class Deployment:
    """Statuses by path; what the upgrade is answered with and without the right token."""

    def __init__(self):
        self.statuses = {"/ready": [200], "/webhook/post-call": [401], "/exotel/connect": [401]}
        self.with_token, self.without = 101, 401
        self.asked = []


@pytest.fixture
def deployment():
    told = Deployment()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            told.asked.append(self.path)
            path = self.path.split("?")[0]
            if self.headers.get("Upgrade") == "websocket":
                status = told.with_token if path.endswith(TOKEN) else told.without
            else:
                statuses = told.statuses[path]
                status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self.send_response(status)
            if status == 101:
                key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
                self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815  # http.server finds its methods by these names

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def socket_url(deployment):
    return f"{deployment.url.replace('http', 'ws', 1)}/media/{TOKEN}"


def test_ready_is_waited_for(deployment):
    deployment.statuses["/ready"] = [503, 503, 200]
    pauses = []
    wait_until_ready(deployment.url, pause_s=5, sleep=pauses.append)
    assert pauses == [5, 5]


def test_waiting_ends_with_the_last_answer(deployment):
    deployment.statuses["/ready"] = [503]
    with pytest.raises(CheckError, match="did not answer 200 within 0 s; last: HTTP 503"):
        wait_until_ready(deployment.url, patience_s=0.2, sleep=lambda _: None)


def test_waiting_for_nobody_says_why():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(CheckError, match="last: ConnectionRefusedError"):
        wait_until_ready(url, patience_s=0.1, sleep=lambda _: None)


def test_the_socket_opens_with_its_token_only(deployment):
    check_upgrade(socket_url(deployment))


def test_a_malformed_upgrade(deployment):
    """A front end that answers 403 to upgrades (App Runner does) looks healthy to every other check."""
    deployment.with_token = 403
    with pytest.raises(CheckError, match="upgrade was answered 403 by BaseHTTP, expected 101") as refused:
        check_upgrade(socket_url(deployment))
    assert TOKEN not in str(refused.value)


def test_a_socket_that_opens_for_everybody(deployment):
    deployment.without = 101
    with pytest.raises(CheckError, match="Anybody can talk to your agent"):
        check_upgrade(socket_url(deployment))


def test_functions_turn_strangers_away(deployment):
    check_refusals(f"{deployment.url}/webhook/post-call", f"{deployment.url}/exotel/connect?token=secret")
    assert not any("secret" in path for path in deployment.asked)


@pytest.mark.parametrize(
    ("path", "status", "line"),
    [
        ("/webhook/post-call", 200, "the webhook answered 200 to an unsigned body"),
        ("/exotel/connect", 500, "the Connect URL answered 500, expected 401"),
        ("/exotel/connect", 403, "allow public access"),
    ],
)
def test_functions_that_answer_wrongly(deployment, path, status, line):
    deployment.statuses[path] = [status]
    with pytest.raises(CheckError) as refused:
        check_refusals(f"{deployment.url}/webhook/post-call", f"{deployment.url}/exotel/connect?token=secret")
    assert line in str(refused.value)


def test_a_reply_that_is_not_http_is_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.in ESMTP\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(OSError, match="no HTTP answer"):
            status_of(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
