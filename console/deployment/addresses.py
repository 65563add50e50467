"""The addresses to paste: a deployment's outputs with the tokens of its secret store, which no output contains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from console.deployment.secrets import Store
from console.deployment.steps import StepError, gcloud

AWS_ENTRIES = {
    "media_token": "media",
    "exotel_token": "exotel",
    "events_secret": "events",
    "control_token": "control",
    "elevenlabs_api_key": "elevenlabs-api-key",
    "elevenlabs_webhook_secret": "elevenlabs-webhook-secret",
    "raw_bodies_key": "raw-bodies-key",
}
"""Secret → what follows the installation's name in Secrets Manager (infra/terraform/modules/aws/secrets.tf)."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """As they are pasted, tokens included."""

    voicebot: str = field(repr=False)
    connect: str = field(repr=False)
    passthru: str = field(repr=False)
    webhook: str
    media_token: str = field(repr=False)
    exotel_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretsManager:
    """AWS's store."""

    client: Any
    name: str

    def read(self, secret: str) -> str | None:
        """Raises StepError."""
        entry = f"{self.name}/{AWS_ENTRIES[secret]}"
        try:
            value: str = self.client.get_secret_value(SecretId=entry)["SecretString"]
        except self.client.exceptions.ResourceNotFoundException:
            return None
        except (BotoCoreError, ClientError) as error:
            raise StepError(f"the secret {entry} can't be read: {error}") from None
        return value


@dataclass(frozen=True, slots=True)
class SecretManager:
    """Google's store."""

    project: str
    name: str

    def read(self, secret: str) -> str | None:
        """Raises StepError."""
        entry = f"{self.name}-{secret.replace('_', '-')}"
        kept = gcloud("secrets", "versions", "access", "latest", f"--secret={entry}", f"--project={self.project}")
        if not kept.returncode:
            return kept.stdout.strip()
        if any(reason in kept.stderr for reason in ("NOT_FOUND", "SERVICE_DISABLED")):
            return None
        raise StepError(f"the secret {entry} can't be read: {kept.stderr.strip()}")


def store(cloud: str, outputs: Mapping[str, str]) -> Store:
    """The secret store of a deployment, by its outputs. Raises KeyError if nothing is deployed."""
    if cloud == "gcp":
        return SecretManager(outputs["project"], outputs["name"])
    return SecretsManager(boto3.client("secretsmanager", region_name=outputs["region"]), outputs["name"])


def addresses(outputs: Mapping[str, str], secrets: Store) -> Addresses:
    """Raises KeyError if nothing is deployed, StepError if the store can't be read."""
    media, exotel = ((secrets.read(name) or "").partition(",")[0] for name in ("media_token", "exotel_token"))
    return Addresses(
        voicebot=f"{outputs['media_url']}/{media}",
        connect=f"{outputs['connect_url']}?token={exotel}",
        passthru=f"{outputs['passthru_url']}?token={exotel}",
        webhook=outputs["elevenlabs_webhook_url"],
        media_token=media,
        exotel_token=exotel,
    )
