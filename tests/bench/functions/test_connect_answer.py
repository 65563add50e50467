"""How long Exotel waits for the number once a decision is stored (design: p99 at most 300 ms)."""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import calls
from tests.support.http_client import deliver
from tests.support.processes import BARE, free_port, server

CALLS = 200
LIMIT_S = 0.3

pytestmark = pytest.mark.bench


def show(what, took):
    ordered = sorted(took)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"connect answer, {what}: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {len(ordered)} calls")
    return p99


def transfer(number):
    return calls.transfer_requested(number=number, call_sid=f"call-{number}", stream_sid=f"stream-{number}")


def timed(ask):
    began = time.perf_counter()
    answer = ask()
    assert answer.status == 200
    assert calls.SALES.encode() in answer.body
    return time.perf_counter() - began


def test_one_after_the_other(store, request):
    """The app itself over each store, from request to answer."""
    webhook, asked = calls.webhook_app(store), calls.transfer_app(store)
    for number in range(CALLS):
        webhook.handle(calls.signed_event(transfer(number)))
    took = [
        timed(lambda number=number: asked.handle(calls.connect(CallSid=f"call-{number}"))) for number in range(CALLS)
    ]
    assert show(f"{request.node.callspec.id}, one after the other", took) < LIMIT_S


def test_twenty_at_once_over_http(tmp_path):
    """The local server over the folder store."""
    port = free_port()
    environment = {**BARE, **calls.ENVIRONMENT, "PORT": str(port), "STORE": f"file:{tmp_path}"}
    with server([sys.executable, "-m", "functions.local"], port, environment) as local:
        now = time.time()
        for number in range(CALLS):
            assert deliver(local.url, calls.signed_event(transfer(number), now=now)).status == 200
        with ThreadPoolExecutor(20) as pool:
            ask = lambda number: timed(lambda: deliver(local.url, calls.connect(CallSid=f"call-{number}")))  # noqa: E731
            took = list(pool.map(ask, range(CALLS)))
    assert show("folder, 20 at once over HTTP", took) < LIMIT_S
