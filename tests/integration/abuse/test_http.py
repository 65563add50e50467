"""The relay's HTTP surface, ill-treated: credentials guessed, paths bent, requests too big or never finished."""

import asyncio
import logging
import resource

import pytest

from relay.server import REQUEST_PATIENCE
from tests.integration.abuse.wire import CLOSE, PING, PONG, TEXT, Wire, frame, start
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

SECRETS = {"media_token": "media-token-of-nobody", "control_token": "control-token-of-nobody"}
BEARER = f"Authorization: Bearer {SECRETS['control_token']}"
POST = b"POST /bg-sound HTTP/1.1\r\nHost: relay\r\n"


@virtual
async def test_wrong_tokens_are_refused_counted_and_logged_ten_times_a_second(tmp_path, caplog):
    """A thousand guesses: all refused, all counted, none of them in the log, and the log stays small."""
    async with relay_world(tmp_path, settings=SECRETS) as world:
        for n in range(1000):
            async with await Wire.open(world.url) as wire:
                assert (await wire.upgrade(f"/media/guess-{n:04d}")).status == 401
        _, metrics = await world.get("/metrics")
        assert 'relay_calls_refused_total{reason="unauthorized"} 1000.0' in metrics
        lines = [entry for entry in caplog.records if getattr(entry, "event", "") == "call_refused"]
        assert 10 <= len(lines) < 500
        assert not [entry for entry in caplog.records if "guess-" in str(vars(entry))]


@pytest.mark.parametrize(
    "path",
    [
        "/media/media-token-of-nobod",
        "/media/media-token-of-nobodyy",
        "/media/MEDIA-TOKEN-OF-NOBODY",
        "/media/%00media-token-of-nobody",
        "/media/%6dedia-token-of-nobody%00",
        "/media/..%2fmedia-token-of-nobody",
        "/media/x/../media-token-of-nobod",
        "/media/x/media-token-of-nobody",
        "/media//",
        "/media/%ff%fe",
        "/media/%ED%A0%80",
        "/media/?token=media-token-of-nobody",
        "/media/.",
        "/media/;media-token-of-nobody",
        "/v1/convai/conversation/exotel/%2e%2e/%2e%2e",
        "/media/" + "x" * 4000,
    ],
)
@virtual
async def test_bent_paths_open_nothing(tmp_path, path):
    async with relay_world(tmp_path, settings=SECRETS) as world, await Wire.open(world.url) as wire:
        assert (await wire.upgrade(path)).status in {400, 401, 404}
        assert world.relay.streams == 0


@pytest.mark.parametrize("path", ["/../etc/passwd", "/%2e%2e/relay/app.py", "/media/../../etc/passwd", "//etc/passwd"])
@virtual
async def test_there_are_no_files(tmp_path, path):
    async with relay_world(tmp_path, settings=SECRETS) as world, await Wire.open(world.url) as wire:
        answer = await wire.request(f"GET {path} HTTP/1.1\nHost: relay")
        assert answer.status in {400, 401, 404}
        assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        pytest.param("GET /health HTTP/1.1\nHost: relay\nX: " + "x" * 9000, {400, 431}, id="a long header"),
        pytest.param("GET /" + "x" * 9000 + " HTTP/1.1\nHost: relay", {400, 414}, id="a long path"),
        pytest.param(
            "GET /health HTTP/1.1\nHost: relay\n" + "\n".join(f"X{n}: {n}" for n in range(2000)),
            {400, 431},
            id="many headers",
        ),
        pytest.param("BREW /media HTTP/1.1\nHost: relay", {400, 404, 405}, id="an unknown method"),
        pytest.param("GET /health HTTP/9.9\nHost: relay", {400, 505}, id="an unknown version"),
        pytest.param("GET /health HTTP/1.1\nHost: relay\nA b: c", {400}, id="a space in a name"),
        pytest.param("GET /health HTTP/1.1\nHost: relay\nA: b\0c", {400}, id="a zero in a value"),
        pytest.param("nonsense", {400}, id="no request at all"),
        pytest.param(
            "POST /bg-sound HTTP/1.1\nHost: relay\nContent-Length: 5\nTransfer-Encoding: chunked",
            {400},
            id="two lengths: smuggling",
        ),
        pytest.param("POST /bg-sound HTTP/1.1\nHost: relay\nContent-Length: -1", {400}, id="a negative length"),
        pytest.param(
            "POST /bg-sound HTTP/1.1\nHost: relay\nContent-Length: 1\nContent-Length: 2",
            {400},
            id="lengths that differ",
        ),
    ],
)
@virtual
async def test_malformed_requests(tmp_path, head, statuses, caplog):
    """Answered in the 400s, nothing of them in the log, and the relay answers the next one."""
    with caplog.at_level(logging.DEBUG, logger="relay"):
        async with relay_world(tmp_path, settings=SECRETS) as world:
            async with await Wire.open(world.url) as wire:
                assert (await wire.request(head)).status in statuses
            assert (await world.get("/health"))[0] == 200
    assert "x" * 100 not in "".join(str(vars(entry)) for entry in caplog.records if entry.name == "relay")


@pytest.mark.parametrize(
    "lines",
    [
        "Sec-WebSocket-Version: 12",
        "Sec-WebSocket-Key: short",
        "Sec-WebSocket-Key: ",
    ],
)
@virtual
async def test_malformed_upgrades(tmp_path, lines):
    """Wrong version, key of the wrong length: refused with 400, and no place is taken."""
    async with relay_world(tmp_path) as world, await Wire.open(world.url) as wire:
        name = lines.split(":")[0]
        fields = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        fields |= {name: lines.split(":", 1)[1].strip()}
        head = "\n".join(["GET /media HTTP/1.1", "Host: relay", "Upgrade: websocket", "Connection: Upgrade"])
        answer = await wire.request(head + "".join(f"\n{key}: {value}" for key, value in fields.items()))
        assert answer.status in {200, 400}  # 200: no upgrade was understood, so the address is given
        await world.until(lambda: world.relay.streams == 0)


BOMBS = [
    pytest.param(b"[" * 30_000 + b"]" * 30_000, 400, id="deep"),
    pytest.param(b'{"v":' * 9000 + b"1" + b"}" * 9000, 400, id="deep objects"),
    pytest.param(b'{"volume": 1' + b"0" * 60_000 + b"}", 400, id="a number of 60,000 digits"),
    pytest.param(b'{"volume": 1e999}', 400, id="infinity"),
    pytest.param(b'{"volume": NaN}', 400, id="not a number"),
    pytest.param(b'{"volume": "nan"}', 400, id="the same as text"),
    pytest.param(b'{"volume": 0.5, "call_sid": []}', 400, id="a list for an id"),
    pytest.param(b'{"volume": 0.5, "call_sid": {"a": 1}}', 400, id="an object for an id"),
    pytest.param(b'{"enabled": "\xff"}', 400, id="no UTF-8"),
    pytest.param(b"x" * 70_000, 413, id="more than 64 KiB"),
]


@pytest.mark.parametrize(("body", "status"), BOMBS)
@virtual
async def test_bombs_at_the_control_endpoint(tmp_path, body, status):
    """Depth and a list for an id were answered 500, with a traceback each."""
    async with relay_world(tmp_path, settings=SECRETS) as world, await Wire.open(world.url) as wire:
        answer = await wire.request(
            f"POST /bg-sound HTTP/1.1\nHost: relay\n{BEARER}\nContent-Length: {len(body)}", body
        )
        assert answer.status == status


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer wrong", "Basic Y29udHJvbA==", "Bearer \xff", "x" * 4000]
)
@virtual
async def test_control_needs_its_token(tmp_path, authorization):
    async with relay_world(tmp_path, settings=SECRETS) as world, await Wire.open(world.url) as wire:
        head = f"POST /bg-sound HTTP/1.1\nHost: relay\nAuthorization: {authorization}\nContent-Length: 2"
        assert (await wire.request(head, b"{}")).status == 401


SLOW = {
    "says nothing": b"",
    "half a line": b"GET /hea",
    "never ends its headers": b"GET /health HTTP/1.1\r\nHost: relay\r\nX: y\r\n",
    "half an upgrade": b"GET /media HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\n",
    "refused, and keeps its body": POST + b"Content-Length: 60000\r\n\r\n",
    "let in, and keeps its body": POST + BEARER.encode() + b"\r\nContent-Length: 60000\r\n\r\n",
    "a body without an end": POST + BEARER.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n",
    "no body is wanted": b"GET /metrics HTTP/1.1\r\nHost: relay\r\nContent-Length: 60000\r\n\r\n",
}


@pytest.mark.parametrize("begun", SLOW.values(), ids=SLOW.keys())
@pytest.mark.parametrize("dripping", [False, True])
@virtual
async def test_a_request_that_never_finishes_is_closed(tmp_path, begun, dripping):
    """Slow-loris: aiohttp kept such a connection for an hour, silent or dripping a byte a second."""
    async with relay_world(tmp_path, settings=SECRETS) as world, await Wire.open(world.url) as wire:
        loop = asyncio.get_running_loop()
        began = loop.time()
        wire.send(begun)

        async def drip():
            while not wire.writer.transport.is_closing():
                await asyncio.sleep(1)
                wire.send(b"x")

        dripper = asyncio.create_task(drip()) if dripping else None
        await wire.cut()
        if dripper:
            dripper.cancel()
        assert loop.time() - began <= REQUEST_PATIENCE + 3


@virtual
async def test_an_answer_ends_its_connection(tmp_path):
    """An idle connection was closed after an hour, a balancer's is kept for longer: its next call met a closing one."""
    async with relay_world(tmp_path) as world, await Wire.open(world.url) as wire:
        answer = await wire.request("GET /health HTTP/1.1\nHost: relay\nConnection: keep-alive")
        assert answer.headers["connection"] == "close"
        await wire.cut()


@pytest.fixture
def many_descriptors():
    """Both ends of a thousand connections are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
@virtual
async def test_a_thousand_half_open_connections_take_no_place(tmp_path):
    """They say nothing: no call is refused because of them, and after a while they are gone."""
    async with relay_world(tmp_path, settings={"max_calls": 5}) as world:
        idle = [await Wire.open(world.url) for _ in range(1000)]
        async with await Wire.open(world.url) as wire:
            assert (await wire.upgrade()).status == 101
            wire.send(frame(TEXT, start()))
            await world.until(lambda: "call" in world.relay.calls)
            await asyncio.gather(*(one.cut() for one in idle))
            wire.send(frame(PING, b"x"))
            assert await wire.control() == (PONG, b"x")


@virtual
async def test_sockets_without_a_call_hold_their_place_for_ten_seconds(tmp_path):
    """Who knows the token can open sockets and say nothing, or nothing but pings: the places are soon free again."""
    async with relay_world(tmp_path, settings={"max_calls": 20, "start_timeout_s": 10}) as world:
        idle = [await Wire.open(world.url) for _ in range(21)]  # one is for the retry of a handshake
        for one in idle:
            assert (await one.upgrade()).status == 101
            for _ in range(3):
                one.send(frame(PING, b"x") + frame(TEXT, b'{"event":"connected"}'))
        async with await Wire.open(world.url) as wire:
            assert (await wire.upgrade()).status == 503
        began = asyncio.get_running_loop().time()
        await world.until(lambda: world.relay.streams == 0)
        assert asyncio.get_running_loop().time() - began < 14
        async with await Wire.open(world.url) as wire:
            assert (await wire.upgrade()).status == 101


@virtual
async def test_a_flood_of_pings_is_one_calls_own_trouble(tmp_path):
    """Twenty thousand pings and nobody to read the answers: that line is given up, the call beside it has no hole."""
    async with relay_world(tmp_path, settings={"ambience": "office"}) as world, await Wire.open(world.url) as wire:
        assert (await wire.upgrade()).status == 101
        wire.send(frame(TEXT, start("flood")))
        await world.until(lambda: "flood" in world.relay.calls)
        flood = frame(PING, b"x" * 125) * 20_000
        fine = asyncio.create_task(world.call(call_sid="fine", max_s=8))
        await asyncio.sleep(1)
        wire.send(flood)
        result = await fine
        assert not result.gaps
        assert not result.violations
        await world.until(lambda: "flood" not in world.relay.calls)


@pytest.mark.parametrize(
    ("request_line", "more", "status"),
    [
        ("GET /health", "", 400),
        ("GET /media", "", 400),
        ("HEAD /ready", "", 400),
        ("DELETE /nowhere", "", 400),
        ("POST /nowhere", "", 404),
        ("POST /media", "", 405),
        ("POST /bg-sound", "Content-Encoding: gzip\n", 415),
        ("GET /health", "Content-Encoding: gzip\n", 415),
        ("POST /nowhere", "Content-Encoding: br\n", 415),
    ],
)
@virtual
async def test_a_body_that_nobody_asked_for_is_refused_unread(tmp_path, request_line, more, status):
    """The answer comes before a byte of the body has been sent, and the connection ends with it."""
    async with relay_world(tmp_path) as world, await Wire.open(world.url) as wire:
        wire.send(
            f"{request_line} HTTP/1.1\nHost: relay\n{more}Content-Length: 60000\n\n".replace("\n", "\r\n").encode()
        )
        head = (await wire.reader.readuntil(b"\r\n\r\n")).decode()
        assert int(head.split()[1]) == status
        assert "connection: close" in head.lower()
        if problem := {400: "no body", 415: "a body without Content-Encoding"}.get(status):
            said = "" if request_line.startswith("HEAD") else f'{{"error": "expected {problem}"}}'
            assert (await wire.reader.read()).decode() == said


@virtual
async def test_an_agent_nobody_configured_is_not_dialled_whoever_asks(tmp_path):
    """By query, by custom parameter, by path: only configured agents (D9); the log has no more than 80 characters."""
    async with relay_world(tmp_path) as world:
        for path, more in (
            ("/media?agent_id=agent_of_somebody_else", {}),
            ("/media", {"custom_parameters": {"agent_id": "agent_of_somebody_else" + "x" * 5000}}),
            ("/media?agentId=../../agent_0", {}),
        ):
            async with await Wire.open(world.url) as wire:
                assert (await wire.upgrade(path)).status == 101
                wire.send(frame(TEXT, start(**more)))
                assert await wire.close_code() == 1000
        async with await Wire.open(world.url) as wire:
            assert (await wire.upgrade("/media/agent_of_somebody_else")).status == 404
        assert not world.agents.conversations


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"event":"media","media":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
        b'{"event":"start","start":{"call_sid":"' + b"x" * 200_000 + b'"}}',
        b'{"event":"start","start":{"call_sid":"../../etc/passwd","stream_sid":"a/b"}}',
        b'{"event":' + b"1" * 200_000 + b"}",
        b'{"event":"media","media":{"payload":"' + b"A" * 250_000 + b'"}}',
        b'{"event":"dtmf","dtmf":{"digit":"' + b"1" * 200_000 + b'"}}',
        b'{"event":"mark","mark":{"name":"' + b"m" * 200_000 + b'"}}',
        b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}",
    ],
    ids=lambda text: text[:40].decode(),
)
@virtual
async def test_bombs_on_the_line(tmp_path, text):
    """Deep, long, strange: before and within a call they end that call at most; a call beside it is untouched."""
    async with relay_world(tmp_path) as world:
        fine = asyncio.create_task(world.call(call_sid="fine", max_s=6))
        async with await Wire.open(world.url) as wire:
            assert (await wire.upgrade()).status == 101
            wire.send(frame(TEXT, text) + frame(TEXT, start("odd")) + frame(TEXT, text) + frame(CLOSE))
            await wire.cut()
        result = await fine
        assert not result.violations
        await world.until(lambda: world.relay.streams == 0)
        assert world.record("fine")["end_reason"] == "caller_hung_up"
        outside = [path for path in tmp_path.rglob("*") if "passwd" in path.name]
        assert not outside
