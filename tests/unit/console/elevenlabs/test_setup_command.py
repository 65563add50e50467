import sys

import pytest

from console.__main__ import main


@pytest.fixture(autouse=True)
def nobody_at_the_terminal(monkeypatch, tmp_path):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    for name in ("AGENTS_FILE", "ELEVENLABS_AGENT_ID", "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--leave", "agent.mood"], "'agent.mood': expected one of agent.input_format"),
        (["--webhook-url", "http://bridge.example.com/hook"], "posts to https://"),
        (["--webhook-url", "bridge.example.com/hook"], "posts to https://"),
        (["--agent", "a", "--create", "b"], "not allowed with"),
    ],
)
def test_an_option_that_can_not_be_is_explained(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(["setup", "elevenlabs", *arguments])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ("", [], "ELEVENLABS_AGENT_ID is not set"),
        ("ELEVENLABS_AGENT_ID=agent_1", [], "ELEVENLABS_API_KEY is not set"),
        ("what is this", [], "line 1: expected NAME=VALUE"),
        ("AGENTS_FILE=agents.toml", [], "AGENTS_FILE"),
        ("ELEVENLABS_API_KEY=sk_1\nELEVENLABS_BASE_URL=http://127.0.0.1:1", ["--create", "x"], "can't be reached"),
        (
            "ELEVENLABS_API_KEY=sk_1\nELEVENLABS_BASE_URL=http://127.0.0.1:1",
            ["--create", "x", "--prompt-file", "none.txt"],
            "none.txt",
        ),
    ],
)
def test_settings_that_are_wrong_are_named_in_a_line(settings, arguments, said, capsys, tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text(settings)
    assert main(["setup", "elevenlabs", "--env-file", str(file), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("setup: ")
    assert said in error
    assert "Traceback" not in error
