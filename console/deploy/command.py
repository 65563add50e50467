"""`console deploy CLOUD`: put the deployment of this folder on a cloud, look at it, or take it down."""

import argparse
import importlib

CLOUDS = ("aws", "gcp")
ACTIONS = {
    "plan": "show what a deploy would change; nothing is changed",
    "deploy": "make it so, and say what to paste where",
    "check": "repeat the checks at the end of a deploy",
    "destroy": "take everything down; refuses while there are records",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("cloud", choices=CLOUDS)
    explained = "; ".join(f"{name}: {about}" for name, about in ACTIONS.items())
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="deploy", help=f"{explained} (default: deploy)")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 when something is wrong before the start, 1 when a step failed: then mend it and run again."""
    # only the chosen cloud's libraries are imported
    cloud = importlib.import_module(f"console.deployment.{options.cloud}")
    status: int = cloud.main([options.action])
    return status
