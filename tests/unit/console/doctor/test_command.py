"""`console doctor`, as it is typed: exit status, what is printed, and where it takes its addresses from."""

import json
import os
import pty
import subprocess
import sys

import pytest

from console.__main__ import main
from console.checks.finding import Finding, Verdict
from console.doctor.examination import PARTS
from sim.processes import ROOT, free_port


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """Run it with nothing but the given variables; its exit status."""

    def run(*arguments, **environ):
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in {"PATH": "/usr/bin:/bin", **environ}.items():
                patch.setenv(name, value)
            return main(["doctor", "--env-file", str(tmp_path / ".env"), *arguments])

    return run


def test_without_settings_no_check_passes_and_each_says_what_it_needs(doctor, capsys):
    """It ended with status 0, as a healthy installation does, when all it had looked at was nothing."""
    assert doctor() == 2
    printed, complaints = capsys.readouterr()
    assert "nothing could be checked" in complaints
    assert "relay.address … idle" in printed
    assert "make doctor ARGS='--relay wss://…'" in printed
    assert printed.splitlines()[-1].endswith(" skipped")
    assert "pass" not in printed.splitlines()[-1]


def test_a_failed_check_is_status_1(doctor, capsys):
    assert doctor("--only", "relay", "--relay", f"ws://127.0.0.1:{free_port()}/media/token-of-nobody") == 1
    printed = capsys.readouterr().out
    assert "FAIL  relay.health" in printed
    assert "token-of-nobody" not in printed


def test_a_warning_is_status_0(doctor, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("console.doctor.store.SLOW_S", -1)
    assert doctor("--only", "store", STORE=f"file:{tmp_path}") == 0
    assert "WARN  store.speed" in capsys.readouterr().out


def test_json_is_all_that_is_printed(doctor, capsys):
    assert doctor("--json", "--only", "store,clock") == 2
    document = json.loads(capsys.readouterr().out)
    assert {one["check"].partition(".")[0] for one in document["findings"]} == {"store", "clock"}
    assert document["counts"] == {"pass": 0, "warn": 0, "fail": 0, "skipped": len(document["findings"])}


@pytest.mark.parametrize("arguments", [["--only", "relay,nonsense"], ["--deployment", "azure"], ["--frobnicate"]])
def test_what_is_not_understood_is_status_2(doctor, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        doctor(*arguments)
    assert ended.value.code == 2
    assert arguments[-1].rpartition(",")[2] in capsys.readouterr().err


def test_a_deployment_that_is_not_there_is_status_2(doctor, capsys):
    assert doctor("--deployment", "aws") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("doctor: infra/terraform/aws: terraform's outputs can't be read")


def test_a_deployment_is_asked_and_its_settings_can_be_used(doctor, tmp_path, capsys):
    """Its events' secret is known to nobody here: the relay's settings were refused for the lack of it."""
    outputs = {
        "name": "voice-bridge",
        "project": "acme-voice",
        "media_url": "wss://relay.example.com/media",
        "connect_url": "https://functions.example.com/exotel/connect",
        "passthru_url": "https://functions.example.com/exotel/passthru",
        "elevenlabs_webhook_url": "https://webhook.example.com/webhook/post-call",
        "records_bucket": "acme-records",
    }
    terraform = tmp_path / "terraform"
    terraform.write_text(
        f"#!/bin/sh\necho '{json.dumps({name: {'value': value} for name, value in outputs.items()})}'\n"
    )
    terraform.chmod(0o755)
    gcloud = tmp_path / "gcloud"
    gcloud.write_text('#!/bin/sh\necho "$*" | sed "s/.*voice-bridge-\\([a-z]*-token\\) .*/\\1-of-nobody/"\n')
    gcloud.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ELEVENLABS_AGENT_ID": "agent_0"}
    assert doctor("--deployment", "gcp", "--only", "settings", **environ) == 0
    printed = capsys.readouterr().out
    for check in ("relay", "functions", "media_auth", "addresses"):
        assert f"pass  settings.{check}" in printed
    assert "of-nobody" not in printed


@pytest.mark.parametrize("address", ["functions.example.com/connect?token=T0KEN", "https://[T0KEN", "wss://x/T0KEN"])
def test_an_invalid_address_is_status_2_and_not_shown(doctor, address, capsys):
    assert doctor("--connect", address) == 2
    assert capsys.readouterr().err == "doctor: --connect or CONNECT_URL: expected an https:// address\n"


def test_a_missing_settings_file_is_status_2(doctor, tmp_path, capsys):
    (tmp_path / ".env").write_text("just words\n")
    assert doctor() == 2
    assert capsys.readouterr().err == "doctor: .env, line 1: expected NAME=VALUE\n"


def test_options_win_over_variables_and_both_over_nothing(doctor, monkeypatch, capsys):
    seen = []

    async def look(subject):
        seen.append((subject.relay_url, subject.connect_url, subject.place_call, subject.long_call_s))
        yield Finding("a.b", Verdict.PASS, "found")

    monkeypatch.setitem(PARTS, "relay", look)
    arguments = ("--only", "relay", "--relay", "wss://a/media/x", "--no-call", "--slow")
    assert doctor(*arguments, VOICEBOT_URL="wss://b/media/y", CONNECT_URL="https://c/") == 0
    assert seen == [("wss://a/media/x", "https://c/", False, 65.0)]


def test_a_part_that_breaks_is_a_line_and_no_traceback(doctor, monkeypatch, capsys):
    async def broken(subject):
        yield Finding("a.b", Verdict.PASS, "found")
        raise RuntimeError("a mistake of ours")

    monkeypatch.setitem(PARTS, "relay", broken)
    assert doctor("--only", "relay") == 1
    printed = capsys.readouterr()
    assert "relay.broke_off" in printed.out
    assert "Traceback" not in printed.out + printed.err


def test_verbose_shows_where_a_part_broke_and_no_token(doctor, monkeypatch, capsys):
    async def broken(subject):
        yield Finding("a.b", Verdict.PASS, "found")
        raise RuntimeError(f"can't make anything of {subject.relay_url}")

    monkeypatch.setitem(PARTS, "relay", broken)
    assert doctor("--only", "relay", "--relay", "wss://r/media/token-of-nobody", "--verbose") == 1
    printed = capsys.readouterr()
    assert "in broken" in printed.err
    assert "token-of-nobody" not in printed.out + printed.err


def test_make_doctor_hands_on_what_it_is_given():
    command = ["make", "-n", "doctor", "DEPLOYMENT=aws", "ARGS=--no-call --json"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "-m console doctor --deployment aws --no-call --json" in printed


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(no_color, coloured, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "console", "doctor", "--only", "clock", "--env-file", str(tmp_path / ".env")]
    environ = {"PATH": "/usr/bin:/bin", "NO_COLOR": no_color, "TERM": "xterm"}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run(command, cwd=ROOT, env=environ, stdout=theirs, check=False, timeout=60)
        os.close(theirs)
        printed = terminal.read(4000)
    assert b"clock.relay" in printed
    assert (b"\x1b[" in printed) is coloured
