"""`console agents push|pull|history|rollback`: the agents that relays serve, changed without a deploy."""

import argparse
import getpass
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.agent_version import AgentVersion, File, VersionError, number_of
from console.agents.candidate import Candidate, CandidateError, is_inside, read
from console.agents.difference import difference
from console.agents.waiting import wait
from console.deployment.places import DEPLOYMENTS, PlaceError, of_deployment
from console.stores import opened
from functions.common.agent_versions import AgentVersions, ForestalledError, Pointer
from functions.common.relays_seen import relays
from functions.common.store import Store, StoreError

NO, FAILED = 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="push|pull|history|rollback")
    file = os.environ.get("AGENTS_FILE") or "agents.toml"
    push = actions.add_parser("push", help="check an agents' file, show the difference, push it to the relays")
    push.add_argument("file", nargs="?", type=Path, default=Path(file), metavar="FILE", help=f"default: {file}")
    pull = actions.add_parser("pull", help="save a version on this machine: the file and its sounds")
    pull.add_argument("file", nargs="?", type=Path, default=Path(file), metavar="FILE", help=f"default: {file}")
    pull.add_argument("--version", default="", help="a number or name (default: the current version)")
    history = actions.add_parser(
        "history", help="list versions: when and by whom each was made current, and what relays serve"
    )
    history.add_argument("--last", type=int, default=20, metavar="N", help="how many (default: %(default)s)")
    rollback = actions.add_parser("rollback", help="return the relays to an earlier version")
    rollback.add_argument("version", nargs="?", default="", help="a number or name (default: the previous version)")
    for one in (push, pull, history, rollback):
        where = one.add_mutually_exclusive_group()
        where.add_argument(
            "--store",
            default=os.environ.get("STORE") or "file:data",
            help="s3://…, gs://… or file:DIR (default: STORE, else data/)",
        )
        where.add_argument("--deployment", choices=DEPLOYMENTS, help="use the store of this deployment")
    for one in (push, pull, rollback):
        one.add_argument("--yes", action="store_true", help="don't ask")
    for one in (push, rollback):
        one.add_argument("--note", default="", help="a note for the history")
        one.add_argument("--by", default=_myself(), help="your name for the history (default: %(default)s)")
        one.add_argument(
            "--wait",
            type=float,
            default=180,
            metavar="SECONDS",
            help="wait so long for the relays (default: %(default)s; 0: don't)",
        )


def run(options: argparse.Namespace) -> int:
    """Exit status 1: the answer was no, or a relay does not serve the version; 2: an error."""
    try:
        place = of_deployment(options.deployment, os.environ)[1]["STORE"] if options.deployment else options.store
        store = opened(place, said="STORE=", read_only=options.action in {"pull", "history"})
        return Agents(store, print, _asked(options)).do(options)
    except (CandidateError, StoreError, ForestalledError, VersionError, PlaceError, ValueError, OSError) as error:
        for line in str(error).splitlines():
            print(f"agents: {line}", file=sys.stderr)
        return NO if isinstance(error, ForestalledError) else FAILED


@dataclass(frozen=True, slots=True)
class Agents:
    """The command's actions on a `store`, with functions to `say` and `ask`."""

    store: Store
    say: Callable[[str], None]
    ask: Callable[[str], bool]

    def do(self, options: argparse.Namespace) -> int:
        """Returns the exit status."""
        match options.action:
            case "push":
                return self._push(read(options.file, Path.cwd()), options)
            case "pull":
                return self._pull(options)
            case "history":
                return self._history(options)
            case _:
                return self._rollback(options)

    def _push(self, candidate: Candidate, options: argparse.Namespace) -> int:
        versions = AgentVersions(self.store)
        pointer, present = versions.pointer(), versions.current()
        if present and present.digest == candidate.digest:
            self.say(f"Version {present.name} is the current one, with the same content.")
            return self._wait(present.name, options)
        files = {name: File.of(content) for name, content in candidate.sounds.items()}
        self._show(present, (candidate.text, files), str(options.file))
        if candidate.variables:
            self.say(f"Relays need these variables: {', '.join(candidate.variables)}. A relay without them refuses it.")
        if not self.ask("Push it?"):
            return NO
        pushed = versions.push(candidate.text, candidate.sounds, by=options.by, note=options.note, after=pointer)
        self.say(f"Version {pushed.name} is now the current one.")
        return self._wait(pushed.name, options)

    def _pull(self, options: argparse.Namespace) -> int:
        versions = AgentVersions(self.store)
        version = self._found(versions, options.version) if options.version else versions.current()
        if version is None:
            raise StoreError("nothing has been pushed: relays use their own settings")
        for name in version.files:
            if not is_inside(name):
                raise StoreError(f"version {version.name} has a sound {name!r}, which would be outside this folder")
        wanted = {str(options.file): version.text.encode()}
        wanted |= {name: self._content(versions, version, name) for name in version.files}
        changed = {name: content for name, content in wanted.items() if _present(Path(name)) != content}
        taken = [name for name in changed if Path(name).exists()]
        if taken and not self.ask(f"Overwrite {', '.join(taken)}?"):
            return NO
        for name, content in changed.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content)
        self.say(f"Version {version.name} is in {', '.join(wanted)}.")
        return 0

    def _history(self, options: argparse.Namespace) -> int:
        versions = AgentVersions(self.store)
        pointer = versions.pointer()
        present = versions.current_name()
        if not present:
            self.say("Nothing has been pushed: relays use their own settings.")
        for move in reversed(pointer.moves[-options.last :] if pointer else ()):
            counts = "→" if pointer and move is pointer.moves[-1] else " "
            self.say(f"{counts} {move.at[:19].replace('T', ' ')}  {move.version}  {move.by}  {move.note}".rstrip())
        if present and pointer is None:
            self.say(f"→ {present}, put there by Terraform")
        for one in relays(self.store, time.time()):
            refused = f", refuses {one.refused}: {one.problem}" if one.refused else ""
            self.say(f"  relay {one.relay} serves {one.serving}{refused}")
        return 0

    def _rollback(self, options: argparse.Namespace) -> int:
        versions = AgentVersions(self.store)
        pointer, present = versions.pointer(), versions.current()
        if present is None:
            raise StoreError("nothing has been pushed, so there is nothing to roll back")
        version = self._found(versions, options.version or _before(pointer, present.name))
        if version.name == present.name:
            self.say(f"Version {version.name} is already the current one.")
            return self._wait(version.name, options)
        self._show(present, (version.text, version.files), version.name)
        if not self.ask(f"Roll back to version {version.name}?"):
            return NO
        versions.move(version, by=options.by, note=options.note or f"rolled back from {present.name}", after=pointer)
        self.say(f"Version {version.name} is now the current one.")
        return self._wait(version.name, options)

    def _show(self, present: AgentVersion | None, new: tuple[str, Mapping[str, File]], name: str) -> None:
        old = (present.text, present.files) if present else ("", {})
        for line in difference(old, new, (present.name if present else "nothing", name)):
            self.say(line)

    def _wait(self, version: str, options: argparse.Namespace) -> int:
        if not options.wait:
            return 0
        return 0 if wait(self.store, version, patience_s=options.wait, say=self.say) else NO

    def _found(self, versions: AgentVersions, name: str) -> AgentVersion:
        number = number_of(name)
        version = None if number is None else versions.version(number)
        if version is None or name not in {version.name, str(number)}:
            raise StoreError(f"there is no version {name}: see make agents-history")
        return version

    def _content(self, versions: AgentVersions, version: AgentVersion, name: str) -> bytes:
        content = versions.content(version.files[name].sha256)
        if content is None:
            raise StoreError(f"version {version.name} has a sound {name}, which is not there")
        return content


def _before(pointer: Pointer | None, present: str) -> str:
    """The version that was current before."""
    for move in reversed(pointer.moves if pointer else ()):
        if move.version != present:
            return move.version
    raise StoreError(f"there is no version before {present}")


def _asked(options: argparse.Namespace) -> Callable[[str], bool]:
    def ask(question: str) -> bool:
        if getattr(options, "yes", False):
            return True
        if not sys.stdin.isatty():
            raise ValueError(f"{question} There is no terminal to ask on: give --yes")
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    return ask


def _present(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _myself() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()
