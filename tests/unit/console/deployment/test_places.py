"""Where the doctor looks, when it is told, and when it has to find out."""

import json

import pytest

from console.deployment import addresses
from console.deployment.places import PlaceError, Places, from_environment, of_deployment

OUTPUTS = {
    "name": "voice-bridge",
    "project": "acme-voice",
    "region": "asia-south1",
    "media_url": "wss://relay.example.com/media",
    "connect_url": "https://functions.example.com/exotel/connect",
    "passthru_url": "https://functions.example.com/exotel/passthru",
    "elevenlabs_webhook_url": "https://webhook.example.com/webhook/post-call",
    "records_bucket": "acme-records",
}


class Kept:
    """A cloud's secret store. A token that is being rotated is followed by the one before."""

    def read(self, secret: str) -> str | None:
        return {
            "media_token": "media-token-of-nobody,the-one-before-it-of-nobody",
            "exotel_token": "exotel-token-of-nobody",
        }[secret]


@pytest.fixture
def terraform(tmp_path, monkeypatch):
    """A tree with both clouds' folders, and a terraform that says what it is given."""
    for cloud in ("aws", "gcp"):
        (tmp_path / "infra/terraform" / cloud).mkdir(parents=True)
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    def say(outputs, status=0):
        answer = json.dumps({name: {"value": value, "sensitive": True} for name, value in outputs.items()})
        program.write_text(f"#!/bin/sh\necho 'no state' >&2\necho '{answer}'\nexit {status}\n")
        program.chmod(0o755)
        return tmp_path

    return say


@pytest.mark.parametrize(("cloud", "scheme"), [("aws", "s3"), ("gcp", "gs")])
def test_a_deployment_says_where_everything_is(terraform, monkeypatch, cloud, scheme):
    """The tokens are in the cloud's secret store, never in Terraform's outputs."""
    monkeypatch.setattr(addresses, "store", lambda *_: Kept())
    places, known = of_deployment(cloud, {}, terraform(OUTPUTS))
    assert places == Places(
        "wss://relay.example.com/media/media-token-of-nobody",
        "https://functions.example.com/exotel/connect?token=exotel-token-of-nobody",
        "https://functions.example.com/exotel/passthru?token=exotel-token-of-nobody",
        OUTPUTS["elevenlabs_webhook_url"],
    )
    assert known == {
        "MEDIA_TOKEN": "media-token-of-nobody",
        "EXOTEL_TOKEN": "exotel-token-of-nobody",
        "STORE": f"{scheme}://acme-records",
    }


def test_nothing_deployed(terraform):
    with pytest.raises(PlaceError, match="nothing is deployed from here; make deploy-aws"):
        of_deployment("aws", {}, terraform({}))


def test_no_state(terraform):
    with pytest.raises(PlaceError, match="no state.*run make plan-gcp first"):
        of_deployment("gcp", {}, terraform({}, status=1))


def test_no_terraform(tmp_path, monkeypatch):
    (tmp_path / "infra/terraform/aws").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PlaceError, match="terraform"):
        of_deployment("aws", {}, tmp_path)


def test_what_make_run_runs_here(tmp_path):
    (tmp_path / "data").mkdir()
    kept = {"MEDIA_TOKEN": "media-token-of-nobody", "EXOTEL_TOKEN": "exotel-token-of-nobody", "EVENTS_SECRET": "es"}
    (tmp_path / "data/secrets.json").write_text(json.dumps(kept))
    places, known = of_deployment("local", {"PORT": "9000"}, tmp_path)
    assert places == Places(
        "ws://127.0.0.1:9000/media/media-token-of-nobody",
        "http://127.0.0.1:8081/exotel/connect?token=exotel-token-of-nobody",
        "http://127.0.0.1:8081/exotel/passthru?token=exotel-token-of-nobody",
        "http://127.0.0.1:8081/webhook/post-call",
    )
    assert known["EVENTS_SECRET"] == "es"
    assert known["STORE"] == f"file:{tmp_path / 'data'}"


def test_the_settings_of_make_run_apply_here_too(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/secrets.json").write_text(json.dumps({"MEDIA_TOKEN": "kept"}))
    environ = {"PUBLIC_URL": "wss://tunnel.example.com", "MEDIA_TOKEN": "mine", "STORE": "file:/elsewhere"}
    places, known = of_deployment("local", environ, tmp_path)
    assert places.relay_url == "wss://tunnel.example.com/media/mine"
    assert (known["MEDIA_TOKEN"], known["STORE"]) == ("mine", "file:/elsewhere")


def test_make_run_has_never_run(tmp_path):
    with pytest.raises(PlaceError, match="make run makes it"):
        of_deployment("local", {}, tmp_path)


def test_addresses_in_the_environment():
    environ = {"VOICEBOT_URL": "wss://a/media/T", "WEBHOOK_URL": "https://b/webhook/post-call"}
    assert from_environment(environ) == Places("wss://a/media/T", "", "", "https://b/webhook/post-call")


def test_addresses_made_of_public_names_and_tokens():
    environ = {
        "PUBLIC_URL": "wss://relay.example.com/",
        "MEDIA_TOKEN": "mt",
        "FUNCTIONS_PUBLIC_URL": "https://functions.example.com",
        "EXOTEL_TOKEN": "new, old",
        "PASSTHRU_URL": "https://elsewhere.example.com/p",
    }
    assert from_environment(environ) == Places(
        "wss://relay.example.com/media/mt",
        "https://functions.example.com/exotel/connect?token=new",
        "https://elsewhere.example.com/p",
        "https://functions.example.com/webhook/post-call",
    )
