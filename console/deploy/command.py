"""`console deploy CLOUD`: deploys this folder's installation to a cloud, shows or checks it, or takes it down."""

import argparse
import importlib

CLOUDS = ("aws", "gcp")
ACTIONS = {
    "plan": "show what a deploy would change; nothing is changed",
    "deploy": "deploy, and list what to paste where",
    "check": "run the checks of a deploy again",
    "destroy": "take everything down; refuses while there are records",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("cloud", choices=CLOUDS)
    explained = "; ".join(f"{name}: {about}" for name, about in ACTIONS.items())
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="deploy", help=f"{explained} (default: deploy)")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 if something is wrong before the start, 1 if a step failed: fix it and run again."""
    # only the chosen cloud's libraries are imported
    cloud = importlib.import_module(f"console.deployment.{options.cloud}")
    status: int = cloud.main([options.action])
    return status
