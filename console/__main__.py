"""The command line tools: run `voice-bridge COMMAND` if the package is installed, `python -m console COMMAND` in a
clone.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

from common import __version__

PACKAGE: Final = "exotel-agent-bridge"
COMMANDS: Mapping[str, tuple[str, str]] = {
    # name: (module with `add_arguments(parser)` and `run(options) -> int`, one line of help)
    "demo": ("console.demo.command", "run a whole call on this machine, to see and hear"),
    "run": ("console.run.command", "run relay and functions on this machine, for real calls"),
    "softphone": ("console.softphone.command", "be the caller: a phone in the browser, in front of any relay"),
    "doctor": ("console.doctor.command", "check everything before the first call, and say how to fix each fault"),
    "setup": ("console.setup.command", "set up an ElevenLabs agent for the relay, after asking"),
    "call": ("console.call_out.command", "call a number, or each number of a list once, and report the outcomes"),
    "calls": ("console.calls.command", "explore calls: search, transcript with sound, trends, export"),
    "live": ("console.live.command", "watch running calls, and act on them"),
    "export": ("console.export.command", "export the calls of a period as one table: Parquet, CSV or JSON lines"),
    "forget": ("console.forget.command", "delete everything about one person, also at ElevenLabs"),
    "export-person": ("console.export_person.command", "export everything about one person as a zip"),
    "agents": ("console.agents.command", "change the relays' agents without a deploy, and roll back"),
    "plan": ("console.plan.command", "plan relays, sessions and the monthly cost on each cloud"),
    "check-bot": ("console.check_bot.command", "call your own bot as Exotel or Twilio would, and say what to fix"),
    "replay": ("console.replay.command", "deliver events that a relay gave up on, from its log"),
    "rehearse": ("console.rehearse.command", "test an agent with simulated callers, and judge what they heard"),
    "deploy": ("console.deploy.command", "deploy to AWS or Google Cloud, check a deployment, or take it down"),
    "rollback": ("console.rollback.command", "roll relay and functions back to the previous release, in a minute"),
    "environments": ("console.environments.command", "list installations: name, region, where the state is"),
}
EXTRAS: Final[Mapping[str, str]] = {
    "demo": "demo",
    "call": "demo",
    "plan": "demo",
    "calls": "console",
    "live": "console",
    "doctor": "console",
    "check-bot": "demo",
    "rehearse": "console",
    "export": "console",
    "agents": "console",
}
"""The extra of the package that brings a command's libraries; for all others it is `tools`."""


# A real address; "https://…" in our own sentences stays.
_ADDRESS: Final = re.compile(r"""[A-Za-z]+://[\w@.\[][^\s'"]*|[^\s'"]*[?&]token=[^\s'"]*""")


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments without showing addresses, because they contain tokens."""

    def error(self, message: str) -> NoReturn:
        super().error(_ADDRESS.sub("(an address)", message))


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status of the command; imports only that command's libraries."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _Parser(prog="voice-bridge", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"{PACKAGE} {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=about, description=about)
        if name == next((word for word in arguments if not word.startswith("-")), ""):
            try:
                chosen = importlib.import_module(module)
            except ModuleNotFoundError as error:
                extra = EXTRAS.get(name, "tools")
                parser.error(f"{name} needs {error.name}: pip install '{PACKAGE}[{extra}]'")
            chosen.add_arguments(subparser)
            subparser.set_defaults(run=chosen.run)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
