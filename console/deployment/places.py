"""The addresses of the parts to examine: from options, the environment, or a deployment's outputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from yarl import URL

from console.checks.functions import EVENTS_PATH
from console.deployment.steps import ROOT, StepError
from console.deployment.terraform import Terraform

CLOUDS = {"aws": ("infra/terraform/aws", "s3"), "gcp": ("infra/terraform/gcp", "gs")}
LOCAL = "local"
DEPLOYMENTS = (*CLOUDS, LOCAL)
VARIABLES = {
    "relay_url": "VOICEBOT_URL",
    "connect_url": "CONNECT_URL",
    "passthru_url": "PASSTHRU_URL",
    "webhook_url": "WEBHOOK_URL",
}


class PlaceError(Exception):
    """An address that can't be found out; one line, with what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses as they are pasted, and the settings that belong to them. Unknown ones are ""."""

    relay_url: str = ""
    connect_url: str = ""
    passthru_url: str = ""
    webhook_url: str = ""

    def __post_init__(self) -> None:
        """Raises PlaceError for an invalid address, without showing it. The relay's address has a check of its own."""
        for name in ("connect_url", "passthru_url", "webhook_url"):
            try:
                url = URL(getattr(self, name))
            except ValueError:
                url = URL("unreadable:")
            if url != URL() and not (url.scheme in {"http", "https"} and url.host):
                option = f"--{name.removesuffix('_url')}"
                raise PlaceError(f"{option} or {VARIABLES[name]}: expected an https:// address")

    def over(self, other: "Places") -> "Places":
        """These where known, else the others."""
        return Places(**{name: getattr(self, name) or getattr(other, name) for name in VARIABLES})


def from_environment(environ: Mapping[str, str]) -> Places:
    """Those of VARIABLES; else built from PUBLIC_URL and FUNCTIONS_PUBLIC_URL with their tokens, as `make run` prints
    them.
    """
    given = Places(**{name: environ.get(variable, "").strip() for name, variable in VARIABLES.items()})
    return given.over(_of_hosts(environ, environ.get("PUBLIC_URL", ""), environ.get("FUNCTIONS_PUBLIC_URL", "")))


def of_deployment(name: str, environ: Mapping[str, str], root: Path = ROOT) -> tuple[Places, dict[str, str]]:
    """Addresses of one of DEPLOYMENTS, with those of its settings that are known here. Raises PlaceError."""
    return _of_this_machine(environ, root) if name == LOCAL else _of_cloud(name, root)


def _of_cloud(cloud: str, root: Path) -> tuple[Places, dict[str, str]]:
    files, scheme = CLOUDS[cloud]
    try:
        outputs = Terraform({}, root / files).outputs()
    except (StepError, OSError, ValueError) as error:
        why = str(error).removeprefix("terraform output -json: ").partition(": Reason")[0]
        raise PlaceError(f"{files}: terraform's outputs can't be read ({why}); run make plan-{cloud} first") from None
    from console.deployment import addresses  # here: AWS's library loads slowly, and most commands don't need it

    try:
        pasted = addresses.addresses(outputs, addresses.store(cloud, outputs))
        bucket = outputs["records_bucket"]
    except KeyError:
        raise PlaceError(f"{files}: nothing is deployed from here; make deploy-{cloud} does it") from None
    except StepError as error:
        raise PlaceError(f"{files}: {error}") from None
    places = Places(pasted.voicebot, pasted.connect, pasted.passthru, pasted.webhook)
    known = {
        "MEDIA_TOKEN": pasted.media_token,
        "EXOTEL_TOKEN": pasted.exotel_token,
        "STORE": f"{scheme}://{bucket}",
    }
    return places, known


def _of_this_machine(environ: Mapping[str, str], root: Path) -> tuple[Places, dict[str, str]]:
    """The parts that `make run` runs here, with the tokens it generated."""
    data = root / "data"
    try:
        kept: dict[str, str] = json.loads((data / "secrets.json").read_text())
    except (OSError, ValueError):
        raise PlaceError("data/secrets.json is not there: make run makes it at its first start") from None
    here = "127.0.0.1"
    relay_url = f"ws://{here}:{environ.get('PORT') or environ.get('BRIDGE_PORT') or 8080}"
    functions_url = f"http://{here}:{environ.get('FUNCTIONS_PORT') or 8081}"
    known = {**kept, "STORE": f"file:{data}", "EVENTS_URL": f"{functions_url}{EVENTS_PATH}"}
    known |= {name: environ[name] for name in known if environ.get(name)}
    return _of_hosts(
        {**environ, **known},
        environ.get("PUBLIC_URL") or relay_url,
        environ.get("FUNCTIONS_PUBLIC_URL") or functions_url,
    ), known


def _of_hosts(environ: Mapping[str, str], relay: str, functions: str) -> Places:
    places = Places()
    if relay := relay.strip().rstrip("/"):
        token = environ.get("MEDIA_TOKEN", "").partition(",")[0].strip()
        places = replace(places, relay_url=f"{relay}/media" + (f"/{token}" if token else ""))
    if functions := functions.strip().rstrip("/"):
        query = f"?token={token}" if (token := environ.get("EXOTEL_TOKEN", "").partition(",")[0].strip()) else ""
        places = replace(
            places,
            connect_url=f"{functions}/exotel/connect{query}",
            passthru_url=f"{functions}/exotel/passthru{query}",
            webhook_url=f"{functions}/webhook/post-call",
        )
    return places
