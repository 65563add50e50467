"""`python -m console call`, as it is typed: what it refuses, what it rehearses, what it prints and leaves."""

import asyncio
import csv
import json
import os
import pty
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from console.__main__ import main
from sim import applets
from sim.applets import Person
from sim.exotel_rest import FakeExotelRest, Fault
from sim.processes import ROOT
from sim.serving import serving

ASHA, RAVI, LEE = "+919876500001", "+919876500002", "+6561234567"
SETTINGS = {
    "EXOTEL_SID": "acmehealth1",
    "EXOTEL_API_KEY": "key-1",
    "EXOTEL_API_TOKEN": "token-1",
    "EXOTEL_CALLER_ID": "08047100002",
    "EXOTEL_STREAM_URL": "wss://relay.example/media/secret-token",
}
ALWAYS = ("--hours", "00:00-24:00")


@pytest.fixture
def settings(monkeypatch, tmp_path):
    for name, value in {**SETTINGS, "EXOTEL_BASE_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("console.call_out.command.ROOT", tmp_path)  # whoever develops this may have a .env


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("number,name\n98765 00001,Asha\n9876500002,Ravi\n09876500001,Asha again\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["12345"], "call: not a number that can be dialled"),
        ([ASHA, "--from", "1800123456"], "call: --from (***3456): not a number that can be dialled"),
        ([ASHA, "--stream-url", "https://relay.example"], "call: the stream URL must begin with wss://"),
        ([ASHA, "--time-limit", "20000"], "call: --time-limit 20000: expected 1 to 14400 seconds"),
        ([ASHA, "--param", "name"], "call: --param 'name': expected NAME=VALUE"),
        ([ASHA, "--field", "x" * 120], "call: custom_field has 120 characters: 118 fit"),
        ([ASHA, "--rate", "fast"], "call: 'fast': expected a rate such as 30/min"),
        ([ASHA, "--rate", "5/s"], "call: --rate 5/s is above the account's limit (200/min)"),
        ([ASHA, "--concurrent", "0"], "call: --concurrent 0: expected 1 or more"),
        ([ASHA, "--hours", "9-5"], "call: '9-5': expected calling hours such as 09:00-21:00"),
        ([ASHA, "--timezone", "India"], "call: 'India' is not a time zone"),
        ([LEE, "--hours", "09:00-21:00", "--countries", "SG"], "call: the time zone is unknown"),
        ([LEE], "call: a number of SG; allowed: IN (COUNTRIES=IN,SG would allow it)"),
        (["+870773111632", "--countries", "IN,SG"], "call: a satellite"),
        ([ASHA, "--countries", "IN,XX"], "call: COUNTRIES='IN,XX': expected codes of countries"),
        ([ASHA, "--max-minutes", "10"], "call: MAX_MINUTES=10: a single call may last 240 minutes; give --time-limit"),
        ([ASHA, "--dnc", "{folder}/none.csv"], "call: {folder}/none.csv can't be read"),
        ([ASHA, "--results", "{folder}/no/out.csv"], "call: --results {folder}/no/out.csv: there is no such folder"),
        ([ASHA, "--status-callback", "example.com"], "call: --status-callback: expected an http"),
        (["--list", "{folder}/none.csv"], "call: {folder}/none.csv can't be read"),
    ],
)
def test_what_can_not_be_used_is_one_line_and_nobody_is_called(settings, tmp_path, capsys, arguments, says):
    assert main(["call", *(argument.format(folder=tmp_path) for argument in arguments)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(says.format(folder=tmp_path))
    assert "secret-token" not in line


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_named(settings, monkeypatch, capsys, name):
    monkeypatch.delenv(name)
    assert main(["call", ASHA]) == 2
    assert capsys.readouterr().err.startswith(f"call: {name} is not set: expected ")


def test_settings_may_stand_in_a_file(settings, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("EXOTEL_CALLER_ID")
    file = tmp_path / ".env"
    file.write_text("EXOTEL_CALLER_ID=08047100002\n")
    assert main(["call", ASHA, "--dry-run", "--env-file", str(file)]) == 0
    file.write_text("what is this\n")
    assert main(["call", ASHA, "--dry-run", "--env-file", str(file)]) == 2
    assert "call: .env, line 1: expected NAME=VALUE" in capsys.readouterr().err


def test_bad_rows_are_all_named_before_anybody_is_called(settings, people, capsys):
    with people.open("a") as file:
        file.write("12345,Bad\n+6561234567,Lee\n" + f"9876500003,{'x' * 300}\n")
    assert main(["call", "--list", str(people)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].split(",")[-1].strip() for line in lines[:3]] == ["line 5", "line 6", "line 7"]
    assert lines[3].endswith("3 rows can't be used: correct them, or skip them with --skip-bad")
    assert not (people.parent / "people.csv.calls.jsonl").exists()


def test_a_rehearsal_asks_exotel_nothing_and_hides_numbers_and_token(settings, people, tmp_path, capsys):
    dnc = tmp_path / "dnc.csv"
    dnc.write_text(f"{RAVI}\n")
    assert main(["call", "--list", str(people), "--dnc", str(dnc), "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Line 4 has the number of line 2 again: called once." in printed
    assert "would call ***0001; its own parameters: name" in printed
    assert "to wss://relay.example/media/…" in printed
    assert "1 number to call: IN 1. Each call may last 240 minutes, all together 240 minutes." in printed
    assert "1 to call, 0 called before, 0 to look up first, 1 not to be called." in printed
    assert "98765" not in printed
    assert not list(tmp_path.glob("*.jsonl"))


@asynccontextmanager
async def exotel(**changed):
    quick = Person(applets.Outcome.ANSWERED, ring_s=0.1, talk_s=1)
    rest = FakeExotelRest(
        **{
            "numbers": [{"phone_number": "+918047100002"}],
            "people": {ASHA: quick, RAVI: Person(applets.Outcome.BUSY, ring_s=0.1)},
            "dials": False,
            **changed,
        }
    )
    async with serving(rest.app()) as url:
        yield rest, {**os.environ, **SETTINGS, "EXOTEL_BASE_URL": url, "COLUMNS": "120"}


async def typed(environ, *arguments, interrupt_after=""):
    """(exit status, what was printed); a SIGINT once `interrupt_after` was."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "call", "--env-file", os.devnull, *arguments, cwd=ROOT, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            printed = b""
            if interrupt_after:
                printed = await process.stdout.readuntil(interrupt_after.encode())
                process.send_signal(signal.SIGINT)
            printed += await process.stdout.read()
            return await process.wait(), printed.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_list_as_typed(people, tmp_path):
    results = tmp_path / "out.csv"
    async with exotel() as (rest, environ):
        command = ("--list", str(people), *ALWAYS, "--rate", "3/s", "--results", str(results), "--field", "batch 7")
        status, printed = await typed(environ, *command)
        assert status == 0, printed
        assert "***0001 answered, 1 s" in printed
        assert "***0002 busy" in printed
        assert "98765" not in printed
        again, _ = await typed(environ, *command)
        assert again == 0
    assert len(rest.calls) == 2
    form = rest.calls_of(ASHA)[0].form
    assert form["StreamUrl"] == ["wss://relay.example/media/secret-token?name=Asha"]
    assert form["CustomField"][0].startswith("batch 7 #")
    rows = list(csv.DictReader(results.open()))
    assert [(row["number"], row["outcome"], row["duration_s"]) for row in rows] == [
        (ASHA, "answered", "1"),
        (RAVI, "busy", "0"),
    ]
    assert oct(results.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(("number", "status"), [(ASHA, 0), (RAVI, 1)])
async def test_a_single_number_says_by_its_status_whether_it_was_answered(number, status):
    async with exotel() as (_, environ):
        ended, printed = await typed(environ, number, "--show-numbers")
    assert ended == status
    assert number in printed


@pytest.mark.parametrize(("answer", "called"), [("n", 0), ("", 0), ("y", 2)])
async def test_at_a_terminal_a_list_is_announced_and_asked_about(people, answer, called):
    """What it may cost is told before the first call: how many numbers of which country, and how many minutes."""
    ours, theirs = pty.openpty()
    async with exotel() as (rest, environ):
        environ |= {"MAX_MINUTES": "15"}
        command = ("--list", str(people), *ALWAYS, "--rate", "3/s", "--time-limit", "600")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "call", "--env-file", os.devnull, *command),
            cwd=ROOT, env=environ, stdin=theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        async with asyncio.timeout(60):
            printed = (await process.communicate())[0].decode()
        os.close(ours)
        assert len(rest.calls) == called, printed
    assert (
        "2 numbers to call: IN 2. Each call may last 10 minutes, all together 15 minutes (MAX_MINUTES=15)." in printed
    )
    assert process.returncode == (0 if called else 2)


async def test_wrong_credentials_end_it_with_the_reason(people):
    async with exotel() as (rest, environ):
        rest.plant("connect", Fault.WRONG_KEY)
        status, printed = await typed(environ, "--list", str(people), *ALWAYS)
    assert status == 1
    assert "call: stopped: Exotel answered 401" in printed


async def test_ctrl_c_leaves_a_journal_with_which_the_same_command_goes_on(people):
    async with exotel(people={ASHA: Person(applets.Outcome.ANSWERED, ring_s=0.1, talk_s=30)}) as (rest, environ):
        command = ("--list", str(people), *ALWAYS, "--concurrent", "1")
        status, printed = await typed(environ, *command, interrupt_after="0001 called")
        assert status == 130
        assert "nobody is called twice" in printed
        journal = [json.loads(line) for line in (people.parent / "people.csv.calls.jsonl").read_text().splitlines()]
        assert [entry["what"] for entry in journal] == ["intent", "placed"]
        assert len(rest.calls) == 1
