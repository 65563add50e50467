import pytest

from common.env import Env, SettingError
from functions.common.redaction.rules import Rule
from functions.common.settings import find_target, targets
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from tests.support.calls import ENVIRONMENT
from tests.support.processes import ROOT


def test_targets_may_have_several_numbers_and_the_teams_come_last():
    found = targets(Env({**ENVIRONMENT, "TRANSFER_TEAM_2_NUMBER": "+919876500031"}))
    assert list(found) == ["support", "sales", "team_1", "team_2"]
    assert found["support"] == ("+919876500020", "+919876500021")
    assert found["team_1"] == ("+919876500030",)


def test_a_target_of_the_same_name_wins_over_a_team():
    found = targets(Env({"TRANSFER_TARGETS": '{"team_1": "+919876500001"}', "TRANSFER_TEAM_1_NUMBER": "09876500002"}))
    assert found == {"team_1": ("+919876500001",)}


@pytest.mark.parametrize("asked", ["team_1", "Team 1", "TEAM-1", " team1 "])
def test_a_target_is_found_in_any_spelling(asked):
    assert find_target({"sales": (), "team_1": ()}, asked) == "team_1"


def test_targets_in_other_scripts_are_not_taken_for_each_other():
    """The agent asked for मुद्दे and the caller was put through to मदद: only the vowel signs tell them apart."""
    fixture = (ROOT / "tests/fixtures/targets_brahmic.env").read_text(encoding="utf-8")
    found = targets(Env({"TRANSFER_TARGETS": fixture.splitlines()[0].partition("=")[2]}))
    for name in found:
        assert find_target(found, f" {name} ") == name
    assert found[find_target(found, "मुद्दे")] == ("+919876500020",)


def test_numbers_in_other_digits_are_dialled_in_those_that_exotel_takes():
    assert targets(Env({"TRANSFER_TARGETS": '{"sales": "९८७६५०००१०"}'})) == {"sales": ("+919876500010",)}


def test_a_team_gives_way_to_a_target_of_any_spelling():
    found = targets(Env({"TRANSFER_TARGETS": '{"Team 1": "+919876500001"}', "TRANSFER_TEAM_1_NUMBER": "09876500002"}))
    assert found == {"Team 1": ("+919876500001",)}


def test_an_empty_target_means_the_first_configured_one():
    assert find_target({"sales": (), "x": ()}, "  ") == "sales"
    assert find_target({}, "") is None


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("ELEVENLABS_REGION", "mars", "one of default, us, eu, india, singapore"),
        ("ELEVENLABS_BASE_URL", "proxy.example.in", "a URL that starts with http:// or https:// or ws:// or wss://"),
        ("TICKET_SERVICE_URL", "ftp://x", "a URL that starts with http:// or https://"),
        ("TRANSFER_TEAM_1_NUMBER", "18001234567", "a number that can be made E.164, such as +919876500001"),
        ("TRANSFER_VALUES", "[]", 'a JSON object of strings such as {"name": "value"}'),
        (
            "TRANSFER_VALUES",
            '{"New Booking": "sales", "new-booking": "support"}',
            "names that differ in more than case, spaces, hyphens and underscores",
        ),
        (
            "TRANSFER_TARGETS",
            '{"Sales": "+919876500010", "sales ": "+919876500020"}',
            "names that differ in more than case, spaces, hyphens and underscores",
        ),
        (
            "TRANSFER_TARGETS",
            '{"sales": "+919876500010", "sales": "+919876500020"}',
            "each name once, but sales appears twice",
        ),
        ("TRANSFER_TARGETS", '{"!": "+919876500010"}', "names with letters or digits"),
        ("TRANSFER_TARGETS", '{"sales": "१२३४५६७८"}', "a number that can be made E.164, such as +919876500001"),
        ("FETCH_AUDIO", "perhaps", "true or false"),
        ("WEBHOOK_MAX_AGE_SECONDS", "0", "a number from 1 to 86400"),
        ("ELEVENLABS_WEBHOOK_SECRET", "x", "16 characters or more, such as `openssl rand -hex 24` prints"),
    ],
)
def test_wrong_settings_of_the_webhook_are_named(variable, value, expected):
    with pytest.raises(SettingError) as refused:
        WebhookSettings.from_env({**ENVIRONMENT, variable: value})
    assert refused.value.name == variable
    assert str(refused.value).endswith(f": expected {expected}")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EXOTEL_BASIC_AUTH", "nocolon", "user:password"),
        (
            "EXOTEL_BASIC_AUTH",
            "a:b",
            "user:password with a password of 16 characters or more, such as `openssl rand -hex 24` prints",
        ),
        ("EXOTEL_BASIC_AUTH", ":", "user:password"),
        ("CONNECT_MUSIC_ON_HOLD", "jazz", "operator_tone, default_tone or a URL"),
        ("CONNECT_PLAYBACK", "whisper", "off, summary or a URL"),
        ("CONNECT_OUTGOING_NUMBER", "022", "one of your ExoPhones, such as +918047100002"),
        ("CONNECT_PARALLEL", "-1", "a whole number from 0 to 1000000"),
        ("TRANSFER_WAIT_SECONDS", "nan", "a number from 0 to 60"),
    ],
)
def test_wrong_settings_of_the_transfer_function_are_named(variable, value, expected):
    with pytest.raises(SettingError) as refused:
        TransferSettings.from_env({**ENVIRONMENT, variable: value})
    assert refused.value.name == variable
    assert str(refused.value).endswith(f": expected {expected}")


def test_a_password_is_not_shown():
    with pytest.raises(SettingError) as refused:
        TransferSettings.from_env({**ENVIRONMENT, "EXOTEL_BASIC_AUTH": "hunter2"})
    assert "hunter2" not in str(refused.value)


SHORT = {"STORE": "file:./data", "EXOTEL_TOKEN": "t" * 16}


@pytest.mark.parametrize(
    ("kind", "environment", "refusal"),
    [
        (
            TransferSettings,
            {"STORE": "file:./data"},
            "EXOTEL_TOKEN is not set: expected a secret for Exotel's URLs (?token=…), or EXOTEL_BASIC_AUTH",
        ),
        (
            TransferSettings,
            {**ENVIRONMENT, "TRANSFER_ON_FAILURE": "billing"},
            "TRANSFER_ON_FAILURE='billing': expected one of the targets: support, sales, team_1; or none to dial "
            "nobody",
        ),
        (
            TransferSettings,
            {**SHORT, "TRANSFER_ON_FAILURE": "billing"},
            "TRANSFER_ON_FAILURE='billing': expected one of the targets: none is set; or none to dial nobody",
        ),
        (
            TransferSettings,
            {**SHORT, "CONNECT_OUTGOING_NUMBER": "022"},
            "CONNECT_OUTGOING_NUMBER='022': expected one of your ExoPhones, such as +918047100002",
        ),
        (
            TransferSettings,
            {**SHORT, "TRANSFER_TEAM_2_NUMBER": "09876500001, 022 "},
            "TRANSFER_TEAM_2_NUMBER='team_2: 022': expected a number that can be made E.164, such as +919876500001",
        ),
        (
            WebhookSettings,
            {**SHORT, "RAW_BODIES": "encrypted"},
            "RAW_BODIES_KEY is not set: expected a key, because of RAW_BODIES=encrypted",
        ),
        (
            WebhookSettings,
            {**SHORT, "REDACT": "Names, phone"},
            f"REDACT='names, phone': expected all, or some of {', '.join(sorted(Rule))}",
        ),
    ],
)
def test_a_refusal_says_the_whole_expectation(kind, environment, refusal):
    with pytest.raises(SettingError) as refused:
        kind.from_env(environment)
    assert str(refused.value) == refusal


def test_nobody_is_dialled_on_failure_only_if_it_is_said():
    assert TransferSettings.from_env({**ENVIRONMENT, "TRANSFER_ON_FAILURE": "none"}).on_failure is None
    assert TransferSettings.from_env({**ENVIRONMENT, "TRANSFER_ON_FAILURE": "Team 1"}).on_failure == "team_1"
    assert TransferSettings.from_env(ENVIRONMENT).on_failure == "support"
    assert TransferSettings.from_env(SHORT).on_failure is None


def test_what_is_over_exotel_s_limits_is_cut_to_them():
    """With an answer over a limit Exotel dials nobody."""
    over = {"CONNECT_RINGING_SECONDS": "61", "CONNECT_CONVERSATION_SECONDS": "4501", "CONNECT_PARALLEL": "6"}
    connect = TransferSettings.from_env({**SHORT, **over}).connect
    assert (connect.ringing_s, connect.conversation_s, connect.parallel) == (60, 4500, 5)


def test_words_are_taken_in_any_case_and_addresses_as_they_are():
    given = {"CONNECT_MUSIC_ON_HOLD": "Default_Tone", "CONNECT_PLAYBACK": "https://a.example/Hello.wav"}
    connect = TransferSettings.from_env({**SHORT, **given, "CONNECT_EVENTS_URL": "http://a.example"}).connect
    assert connect.music_on_hold == "default_tone"
    assert connect.playback == "https://a.example/Hello.wav"
    assert connect.events_url == "http://a.example"


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({}, "https://api.elevenlabs.io"),
        ({"ELEVENLABS_REGION": "india"}, "https://api.in.residency.elevenlabs.io"),
        ({"ELEVENLABS_REGION": "india", "ELEVENLABS_BASE_URL": "wss://proxy.example.in/"}, "https://proxy.example.in"),
    ],
)
def test_conversations_are_fetched_from_the_region_or_through_the_proxy(given, base):
    assert WebhookSettings.from_env({**ENVIRONMENT, **given}).api_base == base
