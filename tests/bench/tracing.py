"""`python -m tests.bench.tracing`: what a traced call costs in CPU, beside the call itself.

Spans are made when a call is over, so the cost is per call: a call of two minutes with forty turns, exported to a
collector in another thread.
"""

import statistics
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from common.trace import ENDPOINT
from relay.events.tracing import CallTracing

CALLS, TURNS, SECONDS = 200, 40, 120
CPU_MS_A_SECOND = 1.77  # of a call, docs/performance.md


class _Swallow(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _ended(at: int) -> dict[str, object]:
    turn = {"speaker": "agent", "text": "x" * 80, "heard_ms": 1500, "interrupted": False, "answer_ms": 700}
    return {
        "call_sid": f"call{at}",
        "started_at": "2026-11-22T14:05:00.000Z",
        "ended_at": "2026-11-22T14:07:00.000Z",
        "ended_by": "agent",
        "end_reason": "agent_ended",
        "agents": [{"alias": "a", "vendor": "openai", "started_at": "2026-11-22T14:05:00.000Z", "end_reason": "ended"}],
        "turns": [turn | {"offset_ms": 3000 * n} for n in range(TURNS)],
        "quality": {"agent_connect_ms": 100, "first_audio_ms": 300},
    }


def main() -> None:
    """Print the medians of five rounds."""
    server = HTTPServer(("127.0.0.1", 0), _Swallow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tracing = CallTracing({ENDPOINT: f"http://127.0.0.1:{server.server_port}"})
    inline, whole = [], []
    for _ in range(5):
        began, thread = time.process_time(), time.thread_time()
        for at in range(CALLS):
            tracing.ended(_ended(at))
        inline.append((time.thread_time() - thread) / CALLS * 1000)
        tracing._tracing.flush(10)
        whole.append((time.process_time() - began) / CALLS * 1000)
    tracing.close()
    server.shutdown()
    call_ms = CPU_MS_A_SECOND * SECONDS
    loop_ms, all_ms = statistics.median(inline), statistics.median(whole)
    print(f"on the event loop {loop_ms:.2f} ms a call, with the export {all_ms:.2f} ms")
    print(f"a call of {SECONDS} s costs {call_ms:.0f} ms: tracing adds {all_ms / call_ms:.1%}")


if __name__ == "__main__":
    main()
