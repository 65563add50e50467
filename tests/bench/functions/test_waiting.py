"""A decided Connect beside a hundred that wait for a decision: the caller whose human is known must not wait with them.

functions-framework as it is deployed: the archive, one process, as many threads as Terraform gives it. Over the folder
store, because the emulator of Cloud Storage would be what is measured.
"""

import re
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.common.store.folder import FolderStore
from tests.bench.functions.test_connect_answer import show, timed
from tests.support import calls
from tests.support.http_client import deliver
from tests.support.processes import BARE, ROOT, free_port, server, wait_for

WAITING = 100
DECIDED = 30
LIMIT_S = 1.0
WAIT_S = 25

pytestmark = pytest.mark.bench


def threads_deployed():
    """What infra/ gives the transfer function."""
    transfer = (ROOT / "infra/terraform/modules/gcp/functions.tf").read_text().partition("    transfer = {")[2]
    return re.search(r"concurrency\s*=\s*(\d+)", transfer)[1]


def framework(tmp_path):
    command = [sys.executable, "scripts/package_functions.py", "--cloud", "gcp", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(tmp_path / "transfer-gcp.zip") as zipped:
        zipped.extractall(tmp_path / "function")
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", "transfer", "--port", str(port)]
    command += ["--source", "main.py", "--host", "127.0.0.1"]
    folder = tmp_path / "function"
    more = {"THREADS": threads_deployed(), "PYTHONPATH": str(folder)}
    return server(command, port, {**environment(tmp_path), **more}, folder)


def local(tmp_path):
    port = free_port()
    return server([sys.executable, "-m", "functions.local"], port, {**environment(tmp_path), "PORT": str(port)})


def environment(tmp_path):
    patience = {"TRANSFER_REQUEST_SECONDS": str(WAIT_S), "TRANSFER_WAIT_SECONDS": "60"}
    return {**BARE, **calls.ENVIRONMENT, **patience, "STORE": f"file:{tmp_path / 'data'}"}


@pytest.mark.parametrize("serve", [framework, local])
def test_a_decided_connect_beside_a_hundred_that_wait(serve, tmp_path):
    store = FolderStore(tmp_path / "data")
    webhook = calls.webhook_app(store)
    for number in range(WAITING):
        call = {"call_sid": f"late-{number}", "stream_sid": f"s-{number}", "conversation_id": f"c-{number}"}
        webhook.handle(calls.signed_event(calls.ended(number=number, agents=[], **call)))
    for number in range(DECIDED):
        call = {"call_sid": f"call-{number}", "stream_sid": f"d-{number}", "conversation_id": f"d-{number}"}
        webhook.handle(calls.signed_event(calls.transfer_requested(number=1000 + number, **call)))
    with serve(tmp_path) as served, ThreadPoolExecutor(WAITING) as pool:
        began = time.monotonic()
        ask = lambda call_sid: deliver(served.url, calls.connect(CallSid=call_sid))  # noqa: E731
        waiting = [pool.submit(ask, f"late-{number}") for number in range(WAITING)]
        begun = lambda: sum(1 for key in store.keys("calls/late-") if "/connect/first" in key)  # noqa: E731
        wait_for(lambda: begun() >= 4, "requests that wait")
        time.sleep(2)  # every one of them is in its wait now, or in the queue for a thread
        took = [timed(lambda number=number: ask(f"call-{number}")) for number in range(DECIDED)]
        assert time.monotonic() - began < WAIT_S, "they must still be waiting when the last decided one was answered"
        assert {one.result().status for one in waiting} == {503}
    assert show(f"{serve.__name__}, decided beside {WAITING} that wait", took) < LIMIT_S
