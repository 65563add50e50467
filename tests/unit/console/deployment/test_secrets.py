"""Secrets of a deployment: read back, made where there are none, renewed one by one beside the one before."""

import json

import pytest

from console.deployment import secrets
from console.deployment.steps import Problems, StepError


class Kept(dict[str, str]):
    """A secret store."""

    def read(self, secret: str) -> str | None:
        return self.get(secret)


OLD = {name: f"{name}-of-the-deployment" for name in secrets.MADE_HERE}
KEY = {"ELEVENLABS_API_KEY": "sk_of_the_tests_0001"}


def test_a_first_deploy_makes_what_nobody_has_to_invent():
    made = secrets.settle(Kept(), "voice-bridge", KEY)
    assert set(made.values) == {*secrets.MADE_HERE, "elevenlabs_api_key"}
    assert min(len(made.values[name]) for name in secrets.MADE_HERE) >= 40
    assert len(set(made.values.values())) == 5


def test_a_later_deploy_changes_nothing_even_without_the_settings_of_the_first():
    """Somebody who deploys from another machine need not have the vendor's key."""
    kept = Kept(OLD | {"elevenlabs_api_key": "sk_of_the_tests_0001", "elevenlabs_webhook_secret": "wsec_x"})
    assert secrets.settle(kept, "voice-bridge", {}).values == kept


def test_rotation_keeps_the_one_before_and_no_third():
    kept = Kept(OLD | {"media_token": "the-newest,the-one-before"})
    rotated = secrets.settle(kept, "voice-bridge", KEY, rotate={"media_token"}).values
    new, old = rotated["media_token"].split(",")
    assert (old, new in kept.values()) == ("the-newest", False)
    assert {name for name in OLD if rotated[name] != kept[name]} == {"media_token"}
    dropped = secrets.settle(Kept(rotated), "voice-bridge", KEY, drop={"media_token"})
    assert dropped.values["media_token"] == new == dropped.current("media_token")


def test_a_key_that_encrypts_is_made_when_it_is_needed_and_kept_for_what_it_encrypted():
    """A value that is gone takes with it what it encrypted: a renewed key keeps all values before it."""
    assert "raw_bodies_key" not in secrets.settle(Kept(OLD), "voice-bridge", {}).values
    for value in ("encrypted", "Encrypted "):
        assert secrets.wanted_by({"webhook_environment": {"RAW_BODIES": value}}) == {"raw_bodies_key"}
    assert secrets.wanted_by({"webhook_environment": {"RAW_BODIES": "drop"}}) == set()
    first = secrets.settle(Kept(OLD), "voice-bridge", {}, wanted={"raw_bodies_key"}).values
    assert len(first["raw_bodies_key"]) >= 40
    assert secrets.settle(Kept(first), "voice-bridge", {}).values == first  # also once it is not needed any more
    second = secrets.settle(Kept(first), "voice-bridge", {}, rotate={"raw_bodies_key"}).values
    third = secrets.settle(Kept(second), "voice-bridge", {}, rotate={"raw_bodies_key"}).values["raw_bodies_key"]
    assert third.split(",")[1:] == second["raw_bodies_key"].split(",")
    dropped = secrets.settle(Kept({**second, "raw_bodies_key": third}), "voice-bridge", {}, drop={"raw_bodies_key"})
    assert dropped.values["raw_bodies_key"] == third.split(",")[0]


def test_terraform_sees_which_have_changed_and_none_of_them():
    before = secrets.Secrets("voice-bridge", OLD)
    after = secrets.Secrets("voice-bridge", OLD | {"events_secret": "another"})
    versions = [json.loads(one.terraform_variables()["TF_VAR_secret_versions"]) for one in (before, after)]
    assert {name for name in OLD if versions[0][name] != versions[1][name]} == {"events_secret"}
    assert all(isinstance(version, int) and version >= 1 for version in versions[0].values())
    assert before.terraform_variables()["TF_VAR_media_token"] == OLD["media_token"]
    assert OLD["media_token"] not in repr(before)


def test_a_store_that_cannot_be_read_makes_no_new_tokens():
    """New ones would change the addresses that are pasted into Exotel."""

    class Shut(Kept):
        def read(self, secret: str) -> str | None:
            raise StepError("no")

    with pytest.raises(StepError):
        secrets.settle(Shut(), "voice-bridge", KEY)


def test_only_known_names_are_rotated():
    assert secrets.names(" media_token, exotel_token ,", "ROTATE") == {"media_token", "exotel_token"}
    with pytest.raises(Problems, match="ROTATE: no secret is called elevenlabs_api_key; there are media_token"):
        secrets.names("media_token,elevenlabs_api_key", "ROTATE")
