"""One run: the process under test on one core, the load on the other, and a window in which all is counted."""

import asyncio
import gc
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from types import MappingProxyType

import trustme

from tests.bench.figures import Case, Row, Samples, row
from tests.bench.load import CYCLE_S, Load
from tests.bench.process import Subject, free_port, relay_environ

_WARM_UP_CALLS = 2
_WARM_UP_S = 1.5
_MEMORY_SAMPLES = 6  # after the window: reading them takes a lock of the process
CALLS_A_SECOND = 50  # a handshake costs as much as two seconds of a call


async def measure(
    case: Case,
    *,
    window_s: float,
    python: str = sys.executable,
    log: Path,
    on_window: Callable[[int], None] = lambda pid: None,
) -> Row:
    """Run `case` for `window_s` of steady load with the interpreter `python`; `on_window` is told the pid then."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        samples = Samples()
        load = Load(case.audio, samples, levelled=case.level, echoing=case.echo)
        trust, certificate = _tls(Path(scratch)) if case.tls else (None, None)
        agent_port = await load.listen(certificate)
        subject = subject_of(case, agent_port, python, Path(scratch), trust, log)
        try:
            await subject.ready()
            await load.place(_WARM_UP_CALLS, subject.port, "/media", within_s=0.1)
            await asyncio.sleep(_WARM_UP_S)
            await load.hang_up()
            idle_kb = subject.memory_kb()
            await load.place(case.calls, subject.port, "/media", within_s=max(CYCLE_S, case.calls / CALLS_A_SECOND))
            await asyncio.sleep(case.settle_s)
            gc.freeze()  # the load's own collector must not look like the relay's latency
            on_window(subject.pid)
            samples.recording, cpu_before, wakeups_before = True, subject.cpu_s(), subject.wakeups()
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(window_s)
            samples.recording, cpu_s = False, subject.cpu_s() - cpu_before
            wakeups = subject.wakeups() - wakeups_before
            elapsed = asyncio.get_running_loop().time() - began
            memory_kb = await _memory_kb(subject, idle_kb, case.calls) if case.calls >= 50 else None
            loop_lag_ms = None if case.bare else await subject.loop_lag_ms()
            await load.hang_up()
        finally:
            gc.unfreeze()
            await load.close()
            await subject.stop()
    return row(
        case,
        samples,
        cpu_s=cpu_s,
        window_s=elapsed,
        wakeups=wakeups,
        memory_kb=memory_kb,
        loop_lag_ms=loop_lag_ms,
    )


async def _memory_kb(subject: Subject, idle_kb: int, calls: int) -> int:
    """Of one call. What is kept to search for an echo comes and goes within five seconds, in many calls at once."""
    taken = []
    for _ in range(_MEMORY_SAMPLES):
        taken.append(subject.memory_kb())
        await asyncio.sleep(1)
    return round((median(taken) - idle_kb) / calls)


def subject_of(
    case: Case,
    agent_port: int,
    python: str,
    scratch: Path,
    trust: Path | None,
    log: Path,
    *,
    under: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Subject:
    """The process that `case` is about. `under`: a command that runs it, as a profiler."""
    port = free_port()
    host = f"{'s' if case.tls else ''}://localhost:{agent_port}"
    environ = {**environ, **({"SSL_CERT_FILE": str(trust)} if trust else {})}
    environ |= relay_environ(source=case.source, python=python)
    if case.bare:
        probe = [*under, python, "-m", "tests.bench.bare", str(port), f"ws{host}/", str(case.frame_ms)]
        return Subject(probe, environ, port, log)
    environ |= {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ELEVENLABS_AGENT_ID": "bench",
        "ELEVENLABS_BASE_URL": f"http{host}",
        "STORE": f"file:{scratch}/data",
        "MAX_CALLS": "10000",
        "ECHO_CALLS": str(case.echo),  # frames that are levels are like each other, as no voice is: others go unguarded
        "BACKGROUND_SOUND_DUCK_DB": f"{case.duck_db:g}",
        "FRAME_MS": str(case.frame_ms),
        "DRAIN_SECONDS": "0",
    }
    if case.level or case.echo or case.echo_guard != "auto":
        agents = scratch / "agents.toml"
        guard, level = "on" if case.echo else case.echo_guard, "auto" if case.level else ""
        agents.write_text(f'[agents.a]\nid = "bench"\necho_guard = "{guard}"\n' + f'level = "{level}"\n' * case.level)
        environ["AGENTS_FILE"] = str(agents)
        del environ["ELEVENLABS_AGENT_ID"]
    if case.ambience:
        environ["BACKGROUND_SOUND_FILE"] = "office"
    return Subject([*under, python, "-m", "relay"], environ, port, log)


def _tls(scratch: Path) -> tuple[Path, ssl.SSLContext]:
    """What the relay must trust, and what the agents show."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(scratch / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return scratch / "ca.pem", context
