"""What a deployment checks before anything is created, and what it says at the end."""

from pathlib import Path

import pytest

from console.deployment.addresses import Addresses
from console.deployment.paste import paste_list
from console.deployment.settings import of_environment, settings, terraform_variables
from console.deployment.steps import Problems, StepError, missing_tools, wait_for
from console.deployment.terraform import said


def test_the_environment_wins_over_the_file(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text(
        "# mine\n\nexport ELEVENLABS_AGENT_ID=agent_file\n"
        'TRANSFER_TARGETS=\'{"a": "+919876500001"}\'\nALARM_EMAIL="ops@example.com"\n'
    )
    given = settings({"ELEVENLABS_AGENT_ID": "agent_env"}, file)
    assert given == {
        "ELEVENLABS_AGENT_ID": "agent_env",
        "TRANSFER_TARGETS": '{"a": "+919876500001"}',
        "ALARM_EMAIL": "ops@example.com",
    }


def test_no_file_is_fine(tmp_path: Path):
    assert settings({"A": "1"}, tmp_path / ".env") == {"A": "1"}


def test_every_wrong_line_of_the_file_is_named_without_its_content(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("ELEVENLABS_API_KEY sk_secret\nA=1\nwhat's this=2\n")
    with pytest.raises(Problems) as raised:
        settings({}, file)
    assert raised.value.lines == (".env, line 1: expected NAME=VALUE", ".env, line 3: expected NAME=VALUE")


def test_numbers_become_e164():
    variables = terraform_variables(
        {
            "TRANSFER_TARGETS": '{"sales": "098765 00001", "support": "9876500002, +44 20 7946 0000"}',
            "TRANSFER_TEAM_1_NUMBER": "919876500003",
            "UNRELATED": "x",
            "ELEVENLABS_REGION": " ",
        }
    )
    assert variables == {
        "TF_VAR_transfer_targets": '{"sales": "+919876500001", "support": "+919876500002,+442079460000"}',
        "TF_VAR_transfer_team_1_number": "+919876500003",
    }


@pytest.mark.parametrize("value", ["+919876500001", '["+919876500001"]', '{"a": 1}', "{"])
def test_targets_must_be_an_object_of_strings(value: str):
    with pytest.raises(Problems, match="TRANSFER_TARGETS: expected a JSON object"):
        terraform_variables({"TRANSFER_TARGETS": value})


def test_every_wrong_number_has_its_line():
    with pytest.raises(Problems) as raised:
        terraform_variables({"TRANSFER_TARGETS": '{"a": "12"}', "TRANSFER_TEAM_1_NUMBER": "1800 123 4567"})
    first, second = raised.value.lines
    assert first.startswith("TRANSFER_TARGETS: '12' can't be made E.164")
    assert second.startswith("TRANSFER_TEAM_1_NUMBER: '1800 123 4567' can't be made E.164")


def test_missing_tools_have_a_line_each():
    lines = missing_tools({"a": ["no-such-tool-of-anybody"], "b": ["false"], "c": ["true"]})
    assert lines == ["a: not installed", "b: installed, but `false` fails"]


def test_waiting_tells_each_state_once_and_ends(capsys: pytest.CaptureFixture[str]):
    states = iter(["one", "one", "two", ""])
    wait_for("the relay", lambda: next(states), patience_s=60, pause_s=0)
    assert capsys.readouterr().out.splitlines() == ["waiting: the relay: one", "waiting: the relay: two"]


def test_waiting_gives_up_with_the_last_state():
    with pytest.raises(StepError, match="the relay: still 0 of 2 new tasks run after 0 s"):
        wait_for("the relay", lambda: "0 of 2 new tasks run", patience_s=0, pause_s=0)


def test_the_list_says_what_to_paste_where():
    pasted = Addresses(
        voicebot="wss://n/media/t",
        connect="https://a/exotel/connect?token=u",
        passthru="https://a/exotel/passthru?token=u",
        webhook="https://a/webhook/post-call",
        media_token="t",
        exotel_token="u",
    )
    outputs = {"dashboard_url": "https://d"}
    fresh = paste_list(pasted, outputs, cloud="aws", webhook_secret_set=False)
    for url in (pasted.voicebot, pasted.connect, pasted.passthru, pasted.webhook, "https://d"):
        assert url in fresh
    assert "6. ELEVENLABS_WEBHOOK_SECRET" in fresh
    assert "ELEVENLABS_WEBHOOK_SECRET" not in paste_list(pasted, outputs, cloud="aws", webhook_secret_set=True)
    assert "make doctor DEPLOYMENT=gcp" in paste_list(pasted, outputs, cloud="gcp", webhook_secret_set=True)


def test_an_environment_has_settings_of_its_own(tmp_path: Path):
    (tmp_path / ".env").write_text("ELEVENLABS_AGENT_ID=agent_front\nALARM_EMAIL=ops@example.com\n")
    (tmp_path / ".env.staging").write_text("ELEVENLABS_AGENT_ID=agent_staging\n")
    assert of_environment({}, tmp_path)["ELEVENLABS_AGENT_ID"] == "agent_front"
    staging = of_environment({"ENV": "staging"}, tmp_path)
    assert (staging["ELEVENLABS_AGENT_ID"], staging["ALARM_EMAIL"]) == ("agent_staging", "ops@example.com")


NEVER_INITIALISED = """\x1b[31m╷\x1b[0m\x1b[0m
\x1b[31m│\x1b[0m \x1b[0m\x1b[1m\x1b[31mError: \x1b[0m\x1b[0m\x1b[1mBackend initialization required\x1b[0m
\x1b[31m│\x1b[0m \x1b[0m
\x1b[31m│\x1b[0m \x1b[0m\x1b[0mReason: Initial configuration of the
\x1b[31m│\x1b[0m \x1b[0mrequested backend "s3"
\x1b[31m│\x1b[0m \x1b[0m
\x1b[31m│\x1b[0m \x1b[0mThe "backend" is the interface that Terraform uses to store state.
\x1b[31m╵\x1b[0m\x1b[0m
"""


def test_a_red_box_of_terraforms_becomes_one_line():
    """Before a first plan `make doctor DEPLOYMENT=aws` printed twenty lines of box characters for one sentence."""
    assert said(NEVER_INITIALISED) == (
        'Backend initialization required: Reason: Initial configuration of the requested backend "s3"'
    )
    assert said("no box\n at all\n") == "no box at all"


def test_a_file_of_settings_may_begin_with_the_mark_that_windows_editors_write(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfELEVENLABS_AGENT_ID=agent_1\n")
    assert settings({}, tmp_path / ".env") == {"ELEVENLABS_AGENT_ID": "agent_1"}
