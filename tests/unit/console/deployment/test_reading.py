"""What a deployment sets is read by the code that will read it there, before anything is created."""

from pathlib import Path
from typing import Any

import pytest

from console.deployment import reading
from console.deployment.reading import check, misspelt, problems
from console.deployment.steps import Problems
from relay.settings import declared

RIGHT: dict[str, Any] = {
    "elevenlabs_agent_id": "agent_front",
    "elevenlabs_region": "default",
    "lookup_url": "",
    "lookup_seconds": 1.5,
    "lookup_shape": "ours",
    "relay_environment": {"BACKGROUND_SOUND_VOLUME": "0.2", "LOG_LEVEL": "DEBUG"},
    "relay_secrets": {"MEDIA_BASIC_AUTH": "arn:aws:…", "OPENAI_API_KEY": "arn:aws:…"},
    "webhook_environment": {"FETCH_AUDIO": "true"},
    "transfer_environment": {"TRANSFER_ON_FAILURE": "sales", "TRANSFER_WAIT_SECONDS": "8"},
    "transfer_targets": {"sales": "+919876500001,+919876500002"},
    "transfer_team_1_number": "",
    "transfer_team_2_number": "",
}


def test_what_is_right_passes():
    assert list(problems(RIGHT)) == []


def test_every_secret_of_the_relay_can_be_your_own():
    """LOOKUP_HEADERS is JSON, and what stood for its value was not: no deploy could have it."""
    own = {one.names[0]: "arn:aws:…" for one in declared() if one.secret}
    assert {"LOOKUP_HEADERS", "MEDIA_BASIC_AUTH"} <= set(own)
    assert list(problems({**RIGHT, "relay_secrets": own})) == []


@pytest.mark.parametrize("part", ["relay_environment", "webhook_environment", "transfer_environment"])
def test_what_a_library_reads_is_taken(part: str):
    """docs/tracing.md names these maps for it."""
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "TRACE_WORDS": "true", "HTTPS_PROXY": "http://p"}
    assert list(problems({**RIGHT, part: {**RIGHT[part], **tracing}})) == []


@pytest.mark.parametrize(
    ("part", "wrong", "line"),
    [
        ("relay_environment", {"CHUNK_SIZE": "1601"}, "relay_environment: CHUNK_SIZE='1601': expected"),
        ("relay_environment", {"AGENTS_FILE": "relay/config/none.toml"}, "relay_environment: AGENTS_FILE="),
        ("relay_environment", {"BACKGROUND_SOUND_VOLUM": "0.2"}, "did you mean BACKGROUND_SOUND_VOLUME?"),
        ("webhook_environment", {"FETCH_AUDIO": "perhaps"}, "webhook_environment: FETCH_AUDIO='perhaps'"),
        ("webhook_environment", {"PRICES_FILE": "pyproject.toml"}, "expected PRICES with the file's text"),
        ("webhook_environment", {"PRICES": "[exotel]\nminute = 1"}, "PRICES: exotel.minute is not known"),
        ("transfer_environment", {"TRANSFER_ON_FAILURE": "nobody"}, "TRANSFER_ON_FAILURE='nobody': expected"),
        ("transfer_environment", {"TRANSFER_ONFAILURE": "sales"}, "did you mean TRANSFER_ON_FAILURE?"),
    ],
)
def test_each_wrong_setting_has_its_line(part: str, wrong: dict[str, str], line: str):
    (found,) = problems({**RIGHT, part: wrong})
    assert line in found
    assert found.startswith(part)


def test_an_agents_file_is_read_with_its_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "ROOT", tmp_path)
    (tmp_path / "agents.toml").write_text('[agents.front]\nvendor = "nobody"\n')
    variables = {**RIGHT, "relay_environment": {"AGENTS_FILE": "agents.toml"}}
    (found,) = problems(variables)
    assert "agents.front.vendor" in found
    (tmp_path / "agents.toml").write_text('[agents.front]\nid = "agent_1"\noptions = { api_key_env = "OTHER_KEY" }\n')
    variables["relay_environment"]["OTHER_KEY"] = "x"
    assert list(problems(variables)) == []


def test_the_agents_file_for_the_bucket_is_read_with_its_agents(tmp_path: Path):
    """It went there unread, and each relay refused it."""
    (tmp_path / "agents.toml").write_text('[agents.front]\nvendor = "nobody"\n')
    with pytest.raises(Problems) as refused:
        check(tmp_path, None, {**RIGHT, "agents_file": "agents.toml"})
    (line,) = refused.value.lines
    assert line.startswith("agents_file: AGENTS_FILE=")
    assert "agents.front.vendor" in line
    (tmp_path / "agents.toml").write_text('[agents.front]\nid = "agent_1"\n')
    check(tmp_path, None, {**RIGHT, "agents_file": "agents.toml"})
    check(tmp_path, None, {**RIGHT, "agents_file": ""})


def test_a_misspelt_variable_is_refused_with_its_line(tmp_path: Path):
    """Terraform only warns: relay_max_cals = 60 would have been 100 in production."""
    file = tmp_path / "terraform.tfvars"
    file.write_text(
        '# relay_max_cals = 1\nname = "x"\nrelay_max_cals = 60\n'
        'relay_environment = {\n  ANY_NAME = "1"\n}\nzone_count = 2\n'
    )
    declared = {"name", "relay_max_calls", "relay_environment", "zone_count"}
    assert list(misspelt(file, declared)) == [
        "terraform.tfvars, line 3: there is no variable relay_max_cals; did you mean relay_max_calls?"
    ]
    (tmp_path / "variables.tf").write_text("".join(f'variable "{name}" {{\n}}\n' for name in declared))
    with pytest.raises(Problems) as refused:
        check(tmp_path, None, {**RIGHT, "transfer_environment": {"TRANSFER_ON_FAILURE": "nobody"}})
    assert len(refused.value.lines) == 2


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ('hours = "9:00-17:00 Asia/Kolkata"', ""),
        ('hours = "nine to five"', "routes[1].hours to be like"),
        ('holidays = "shop"', ""),
    ],
)
def test_routes_and_their_holidays_are_read_before_a_deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, problem: str
):
    monkeypatch.setattr(reading, "ROOT", tmp_path)
    (tmp_path / "days.txt").write_text("2026-01-26\n")
    agents = '[agents.a]\nvendor = "echo"\n'
    head = 'timezone = "Asia/Kolkata"\n[holidays]\nshop = "days.txt"\n'
    (tmp_path / "agents.toml").write_text(f'{head}[[routes]]\nagent = "a"\n{route}\n{agents}')
    variables = {**RIGHT, "relay_environment": {"AGENTS_FILE": "agents.toml"}}
    found = "\n".join(problems(variables))
    assert problem in found
    assert bool(found) == bool(problem)
