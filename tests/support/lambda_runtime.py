"""Lambda without AWS: the zip as deployed, run by AWS's own runtime client, behind an HTTP API.

    with served(zip_file, "functions.webhook.aws.handler", environment) as function:
        httpx.get(function.url + "/path")           as API Gateway would pass it on, payload format 2.0
        function.invoke({"sweep": True})            as the schedule does

The process sees the standard library, the runtime client and the zip, nothing of the test's environment, so a library
that was not packed is missed. Production zips are for Python 3.13; `interpreter` finds one, or says what else there is.
"""

# ruff: noqa: N815  # http.server finds its methods by these names
import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.http_server import BurstServer
from tests.support.processes import BARE

_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_TIMEOUT_S = 30
_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")


@cache
def interpreter() -> tuple[str, str]:
    """(path, version) of Python 3.13, which the zips are for; where there is none, of the one that runs the tests."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in ("python3.13", *map(str, sorted(pyenv.glob("3.13*/bin/python3.13")))):
        try:
            subprocess.run([candidate, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate, "3.13"
    return sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def runtime_client(python_version: str, folder: Path) -> Path:
    """AWS's runtime client for that Python, installed into `folder`."""
    target = folder / f"runtime-{python_version}"
    pins = [f"{name}=={version(name)}" for name in _CLIENT]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--target", str(target), "--python-version", python_version, "--platform", "manylinux2014_x86_64"),
            *("--only-binary=:all:", *pins),
        ],
        check=True,
        capture_output=True,
    )
    return target


class Function:
    """A function that runs. `invoke` is what every way in comes down to."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._results: dict[str, queue.Queue[tuple[str, bytes]]] = {}
        self.init_error: str | None = None
        self.url = ""

    def invoke(self, event: Any) -> Any:
        """The handler's result. Raises RuntimeError with what it raised."""
        request_id = str(uuid.uuid4())
        result: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._results[request_id] = result
        self._events.put((request_id, json.dumps(event).encode()))
        try:
            kind, body = result.get(timeout=_TIMEOUT_S)
        except queue.Empty:
            raise RuntimeError(f"no answer in {_TIMEOUT_S} s; {self.init_error or 'the function hangs'}") from None
        if kind != "response":
            raise RuntimeError(body.decode())
        return json.loads(body)

    def next_event(self) -> tuple[str, bytes]:
        return self._events.get()

    def finish(self, request_id: str, kind: str, body: bytes) -> None:
        self._results.pop(request_id).put((kind, body))


@contextmanager
def served(
    code: Path, handler: str, environment: Mapping[str, str], work: Path, *, processes: int = 1
) -> Iterator[Function]:
    """Run `code` (a zip or an unpacked folder). `processes`: how many copies, as Lambda would scale out.

    What it writes is in `work/{handler}.log`, as CloudWatch would have it.
    """
    python, python_version = interpreter()
    client = runtime_client(python_version, work)
    if code.is_file():
        unpacked = work / code.stem
        with zipfile.ZipFile(code) as zipped:
            zipped.extractall(unpacked)
        code = unpacked
    function = Function()
    runtime = _serve(_runtime_api(function))
    front = _serve(_http_api(function))
    function.url = f"http://127.0.0.1:{front.server_port}"
    settings = {
        **BARE,
        "PYTHONPATH": f"{code}:{client}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": handler.split(".")[1],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": handler,
        **environment,
    }
    command = [python, "-S", "-m", "awslambdaric", handler]  # -S: not the site-packages of this Python
    output = (work / f"{handler}.log").open("ab")
    started = [
        subprocess.Popen(command, cwd=code, env=settings, stdout=output, stderr=subprocess.STDOUT)
        for _ in range(processes)
    ]
    try:
        yield function
    finally:
        for process in started:
            process.kill()  # as Lambda does: without a word
            process.wait(10)
        output.close()
        for server in (front, runtime):
            server.shutdown()
            server.server_close()


class Context:
    """What a handler is given beside its event, as far as ours look at it."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


def api_event(method: str, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """An HTTP API's event, payload format 2.0. What is not declared as text goes as base64."""
    path, _, query = target.partition("?")
    lower = {name.lower(): value for name, value in headers.items()}
    as_text = lower.get("content-type", "").startswith(_TEXT) and "content-encoding" not in lower
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": lower,
        "isBase64Encoded": False,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": lower.get("host", ""),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": lower.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
    }
    if body:
        try:
            event["body"] = body.decode() if as_text else base64.b64encode(body).decode()
            event["isBase64Encoded"] = not as_text
        except UnicodeDecodeError:
            event["body"] = base64.b64encode(body).decode()
            event["isBase64Encoded"] = True
    return event


def _serve(handler: type[BaseHTTPRequestHandler]) -> BurstServer:
    server = BurstServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """The tests have enough to say."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _http_api(function: Function) -> type[BaseHTTPRequestHandler]:
    class HttpApi(_Quiet):
        def _any(self) -> None:
            body = self._body()
            try:
                result = function.invoke(api_event(self.command, self.path, dict(self.headers.items()), body))
            except RuntimeError as error:
                print(f"the function failed: {error}", file=sys.stderr)  # noqa: T201
                self._answer(500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}')
                return
            content = result.get("body", "").encode()
            if result.get("isBase64Encoded"):
                content = base64.b64decode(content)
            self._answer(result["statusCode"], result.get("headers", {}), content)

        do_GET = do_POST = do_PUT = do_DELETE = _any

    return HttpApi


def _runtime_api(function: Function) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(_Quiet):
        def do_GET(self) -> None:
            request_id, event = function.next_event()
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + _TIMEOUT_S) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:ap-south-1:123456789012:function:local",
            }
            self._answer(200, headers, event)

        def do_POST(self) -> None:
            body = self._body()
            parts = self.path.split("/")
            if "invocation" in parts:
                function.finish(parts[-2], parts[-1], body)
            else:
                function.init_error = f"the function does not start: {body.decode(errors='replace')}"
            self._answer(202, {}, b"")

    return RuntimeApi
