"""`console environments`: every installation that the files describe, with how it is deployed."""

from pathlib import Path

from console.environments.command import described


def test_each_installation_has_its_line(tmp_path: Path):
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "staging.tfvars").write_text('name = "staging"\nregion = "eu-west-1"\n')
    state = tmp_path / "states/voice-bridge/123456789012/ap-south-1/voice-bridge.tfstate"
    state.parent.mkdir(parents=True)
    state.touch()
    assert list(described("aws", {}, tmp_path)) == [
        "aws  voice-bridge  ap-south-1  state: file states/voice-bridge/123456789012/ap-south-1/voice-bridge.tfstate"
        "  make deploy-aws",
        "aws  staging  eu-west-1  state: not yet deployed  ENV=staging make deploy-aws",
    ]
    assert all(
        "state: bucket acme-state" in line for line in described("aws", {"STATE_BUCKET": "acme-state"}, tmp_path)
    )
