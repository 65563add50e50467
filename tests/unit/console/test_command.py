"""`python -m console`, as it is typed."""

import asyncio
import re
import signal
import sys

import aiohttp
import pytest

from console.__main__ import COMMANDS, main
from sim.processes import ROOT
from tests.support.many_calls import write_records


def test_every_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name, (_, about) in COMMANDS.items():
        assert f"{name} {about}" in printed
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert about in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["calls", "file:{folder}/nowhere"], "calls: STORE=file:{folder}/nowhere: there is no such folder."),
        (["calls", "bucket"], "calls: 'bucket': expected file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        (["softphone", "relay", "--store", "{folder}"], "softphone: expected an address that begins"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_one_line_and_status_2(tmp_path, capsys, arguments, says):
    assert main([argument.format(folder=tmp_path) for argument in arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(says.format(folder=tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor", "wss://relay.example.com/media/T0KEN"],
        ["doctor", "--deployment", "https://f.example.com/connect?token=T0KEN"],
        ["softphone", "wss://relay.example.com/media", "wss://relay.example.com/media/T0KEN"],
    ],
)
def test_an_argument_that_is_not_understood_is_refused_without_its_token(capsys, arguments):
    """A forgotten --relay: the complaint repeated the address, into whatever keeps the terminal's output."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    complaint = capsys.readouterr().err
    assert "T0KEN" not in complaint
    assert "(an address)" in complaint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_calls_prints_an_address_serves_it_and_stops_on_request(tmp_path, number):
    write_records(tmp_path / "store", 3)
    command = ("calls", f"file:{tmp_path / 'store'}", "--index", str(tmp_path), "--no-browser")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            printed = (await process.stdout.readuntil(b"Ctrl-C")).decode()
            url = re.search(r"http://127\.0\.0\.1:\d+/\S+/", printed)[0]
            async with aiohttp.ClientSession() as http:
                while True:
                    async with http.get(f"{url}api/calls") as response:
                        if len((await response.json())["calls"]) == 3:
                            break
            process.send_signal(number)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_every_command_is_documented():
    documentation = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    for name, (_, about) in COMMANDS.items():
        assert re.search(rf"\| `make {name}(-\w+)?` \| {re.escape(about)} \|", documentation), name
