"""What Terraform deployed, run on this machine: the archives' code as processes, with the environment it gave them."""

import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from console.deployment.addresses import addresses
from tests.support.compiled_relay import compiled_relay
from tests.support.processes import BARE, Served, free_port, gcs_emulator, server
from tests.terraform.gcp.guarded_storage import Grant, guarded
from tests.terraform.gcp.workspace import Workspace


@dataclass(frozen=True)
class Kept:
    """Secret Manager, as the console asks it."""

    workspace: Workspace

    def read(self, secret: str) -> str | None:
        return self.workspace.secret(f"voice-bridge-{secret.replace('_', '-')}")


class Deployed:
    """The resources of an applied workspace, and where each service runs here instead of on run.app."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.directory = workspace.directory
        self.resources = {resource["address"]: resource["values"] for resource in workspace.resources()}
        self.outputs = {name: str(value) for name, value in workspace.outputs().items()}
        self.pasted = addresses(self.outputs, Kept(workspace))
        self.ports = {name: free_port() for name in ("webhook", "sweep", "transfer", "relay")}
        self.refused: list[str] = []
        self.storage = ""

    def here(self, text: str) -> str:
        """A URL of the deployment, or text with one in it, with this machine's addresses."""
        for name, port in self.ports.items():
            for scheme in ("https", "wss"):
                local = "http" if scheme == "https" else "ws"
                text = text.replace(f"{scheme}://voice-bridge-{name}-fake.a.run.app", f"{local}://127.0.0.1:{port}")
        return text

    def function_environment(self, name: str) -> dict[str, str]:
        config = self.resources[f'google_cloudfunctions2_function.function["{name}"]']["service_config"][0]
        secrets = {
            secret["key"]: self._secret(secret["secret"]) for secret in config["secret_environment_variables"] or []
        }
        return {key: self.here(value) for key, value in config["environment_variables"].items()} | secrets

    def relay_environment(self) -> dict[str, str]:
        container = self.resources["google_cloud_run_v2_service.relay"]["template"][0]["containers"][0]
        return {
            env["name"]: self._secret(env["value_source"][0]["secret_key_ref"][0]["secret"])
            if env["value_source"]
            else self.here(env["value"])
            for env in container["env"]
        }

    def grants(self, part: str) -> list[Grant]:
        """What the part may do with the bucket. The grant's member is checked by deployment.tftest.hcl."""
        return [
            Grant.of(values)
            for address, values in self.resources.items()
            if address.startswith("google_storage_bucket_iam_member.") and address.split('"')[1].split("/")[0] == part
        ]

    def bucket(self) -> storage.Bucket:
        """The records, seen by somebody who may see everything."""
        name = self.resources["google_storage_bucket.records"]["name"]
        options = {"api_endpoint": self.storage}
        return storage.Client(project="test", credentials=AnonymousCredentials(), client_options=options).bucket(name)

    @contextmanager
    def functions(self, folder: Path) -> Iterator[Mapping[str, Served]]:
        """The three functions, each in the functions framework as Cloud Functions runs it, and a bucket behind them."""
        with ExitStack() as stack:
            emulator = stack.enter_context(gcs_emulator())
            self.storage = emulator.url
            self.bucket().create()
            served = {}
            for name in ("webhook", "sweep", "transfer"):
                door = guarded(self.grants(name), f"127.0.0.1:{emulator.port}", self.refused)
                environment = {
                    **BARE,
                    **self.function_environment(name),
                    "STORAGE_EMULATOR_HOST": stack.enter_context(door),
                    "GOOGLE_CLOUD_PROJECT": "acme-voice",
                    "PYTHONPATH": str(folder / name),
                }
                served[name] = stack.enter_context(
                    server(self._command(name, folder / name), self.ports[name], environment, folder / name)
                )
            yield served

    @contextmanager
    def relay(self, **changes: str) -> Iterator[Served]:
        """The relay with the environment of the Cloud Run service; the platform adds PORT."""
        here = {"PORT": str(self.ports["relay"]), "HOST": "127.0.0.1"}
        environment = {**BARE, **compiled_relay(), **self.relay_environment(), **here, **changes}
        with server([sys.executable, "-m", "relay"], self.ports["relay"], environment) as served:
            yield served

    def _command(self, name: str, folder: Path) -> list[str]:
        """Unpack the archive that the function is built from, and start its entry point."""
        build = self.resources[f'google_cloudfunctions2_function.function["{name}"]']["build_config"][0]
        wanted = build["source"][0]["storage_source"][0]["object"]
        (source,) = [
            values["source"]
            for address, values in self.resources.items()
            if address.startswith("google_storage_bucket_object.") and values["name"] == wanted
        ]
        with zipfile.ZipFile(self.directory / source) as archive:
            archive.extractall(folder)
        command = [sys.executable, "-m", "functions_framework", "--source", "main.py", "--host", "127.0.0.1"]
        return [*command, "--target", build["entry_point"], "--port", str(self.ports[name])]

    def _secret(self, secret_id: str) -> str:
        """What Secret Manager would hand to the instance."""
        return self._workspace.secret(secret_id)
