"""Agents are set up when the relay starts: options checked, keys found, texts filled in."""

import sys
from dataclasses import replace

import msgspec
import pytest

from common.env import SettingError
from relay.agents import ENTRY_POINTS, VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.gemini.options import GeminiOptions
from relay.agents.openai.options import OpenAIOptions
from relay.agents.overrides import NAMES, Overrides
from relay.agents.roster import AgentSpec
from relay.agents.seam import Notice, Said
from relay.agents.tool_descriptions import ALL_TOOLS, describe, parse_arguments
from relay.agents.vendor import HostedOptions, fill, socket_base
from relay.settings import Settings
from sim.vendors.registry import FAKES
from tests.unit.relay.agents.peer import CALL

HOSTED = {vendor: VENDORS[vendor].key_env for vendor in FAKES}
SETTINGS = Settings(agents_file="agents.toml", environ=dict.fromkeys(HOSTED.values(), "key"))
WHISPER = "2027-02-26"
TAKEOVER = replace(CALL, said_so_far=(Said("agent", "Good morning."), Said("caller", "Hello?")))


def configure(vendor, settings=SETTINGS, **options):
    options = {**VENDORS[vendor].needs, **options}
    return VENDORS[vendor].configure(AgentSpec("front", vendor, "", options=options), settings)


@pytest.mark.parametrize("vendor", sorted({*VENDORS} - {"bot", "script"}))
def test_an_unknown_option_stops_the_start_and_lists_the_known_ones(vendor):
    with pytest.raises(SettingError, match="agents.front.options.voise to be one of ") as error:
        configure(vendor, voise="marin")
    of_bots = "url, url_env, basic_auth_env, headers_env"
    known = {"elevenlabs": "region, base_url, api_key_env", "echo": "delay_ms", "exotel": of_bots, "twilio": of_bots}
    known["sarvam"] = "org_id, workspace_id, app_id, version, language, greeting, takeover"
    assert known.get(vendor, "prompt, greeting, takeover") in str(error.value)


@pytest.mark.parametrize(
    ("vendor", "option", "value"),
    [
        ("openai", "speed", 3),
        ("openai", "turn_detection", "psychic"),
        ("openai", "tools", ["order_pizza"]),
        ("gemini", "silence_ms", "long"),
        ("deepgram", "prompt", 3),
        ("echo", "delay_ms", -1),
    ],
)
def test_an_option_of_the_wrong_kind_is_named(vendor, option, value):
    with pytest.raises(SettingError, match=rf"AGENTS_FILE='agents.toml': expected agents.front.options.{option}"):
        configure(vendor, **{option: value})


@pytest.mark.parametrize(
    ("vendor", "option", "within", "beyond"),
    [
        ("openai", "threshold", [0, 1], [-0.01, 1.01]),
        ("openai", "silence_ms", [100, 5000], [99, 5001]),
        ("openai", "speed", [0.25, 1.5], [0.24, 1.51]),
        ("azure_openai", "speed", [0.25, 1.5], [0.24, 1.51]),
        ("azure_voice_live", "speed", [0.5, 1.5], [0.49, 1.51]),
        ("grok", "threshold", [0.1, 0.9], [0.09, 0.91]),
        ("gemini", "silence_ms", [100, 5000], [99, 5001]),
        ("gemini", "prefix_ms", [0, 2000], [-1, 2001]),
        ("gemini", "api_version", ["v1", "v1beta", "v12alpha3"], ["1", "v", "v1/x", "xv1", "V1BETA"]),
        ("deepgram", "eot_threshold", [0.5, 1.0], [0.49, 1.01]),
        ("deepgram", "eot_timeout_ms", [500, 60_000], [499, 60_001]),
        ("ultravox", "temperature", [0, 1], [-0.01, 1.01]),
        ("echo", "delay_ms", [0, 5000], [-1, 5001]),
    ],
)
def test_a_value_is_taken_up_to_the_vendors_limits_and_no_further(vendor, option, within, beyond):
    """What the vendor would refuse in the middle of a call is refused at the start."""
    flux = {"listen_model": "flux-general-en"} if option.startswith("eot") else {}
    for value in within:
        configure(vendor, **flux, **{option: value})
    for value in beyond:
        with pytest.raises(SettingError, match=rf"expected agents.front.options.{option}: "):
            configure(vendor, **flux, **{option: value})


def test_a_region_nobody_knows():
    with pytest.raises(SettingError, match=r"options.region to be one of default, us, eu, india, singapore"):
        configure("elevenlabs", region="mars")


@pytest.mark.parametrize("vendor", sorted({*HOSTED} - {"elevenlabs"}))  # which has public agents: they need none
def test_a_missing_key_is_named_with_its_agent(vendor):
    name = HOSTED[vendor]
    with pytest.raises(SettingError, match=f"^{name} is not set: expected the API key for agent 'front' "):
        configure(vendor, Settings())


@pytest.mark.parametrize("vendor", HOSTED)
def test_the_key_may_have_another_name(vendor):
    assert configure(vendor, Settings(environ={"SECOND_KEY": "key"}), api_key_env="SECOND_KEY")
    with pytest.raises(SettingError, match="^SECOND_KEY is not set"):
        configure(vendor, api_key_env="SECOND_KEY")


@pytest.mark.parametrize(
    ("vendor", "options", "environ", "problem"),
    [
        ("exotel", {}, {}, "agents.front.options.url to be a wss:// address"),
        ("exotel", {"url": "https://bot"}, {}, "agents.front.options.url to be a wss:// address"),
        ("exotel", {"url": "wss://bot", "rate_hz": 11025}, {}, "agents.front.options.rate_hz: "),
        ("exotel", {"url_env": "BOT"}, {}, "BOT is not set: expected the address of agent 'front'"),
        ("exotel", {"url": "wss://bot", "basic_auth_env": "BOT"}, {"BOT": "x"}, "BOT=.hidden.: expected user:password"),
        (
            "exotel",
            {"url": "wss://bot", "headers_env": {"X-Key": "BOT"}},
            {},
            "BOT is not set: expected the header X-Key",
        ),
        ("twilio", {}, {}, "expected one of url, url_env and webhook"),
        ("twilio", {"url": "wss://bot", "webhook": "https://bot"}, {}, "expected one of url, url_env and webhook"),
        ("twilio", {"webhook": "bot"}, {}, "expected webhook to be an https:// address"),
        ("twilio", {"url": "wss://bot", "auth_token_env": "BOT"}, {}, "BOT is not set: expected the token that signs"),
    ],
)
def test_a_bot_that_cannot_be_reached_as_written_stops_the_start(vendor, options, environ, problem):
    with pytest.raises(SettingError, match=problem):
        configure(vendor, Settings(agents_file="agents.toml", environ=environ), **options)


def test_keys_are_not_shown_with_the_settings():
    """They end up in a log or a traceback otherwise."""
    assert "secret" not in repr(Settings(environ={"OPENAI_API_KEY": "secret"}))


def test_variables_are_filled_in():
    call = replace(CALL, custom_parameters={"tenant": "acme"})
    assert fill("{{tenant}} has {{ caller_number }} on {{nothing}}.", call) == "acme has 09876500001 on ."
    assert fill("{tenant}", call) == "{tenant}"


def test_first_words():
    options = HostedOptions(greeting="Hello {{caller_number}}!", takeover="Sorry!")
    assert options.first_words(CALL) == "Hello 09876500001!"
    assert options.first_words(TAKEOVER) == "Sorry!"
    assert HostedOptions().opening(CALL) == ""  # waits for the caller
    assert "take over" in HostedOptions(greeting="Hello!").opening(TAKEOVER)  # in its own words
    assert TAKEOVER.recap == "agent: Good morning.\ncaller: Hello?"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://a.example/", "wss://a.example"), ("http://b:1", "ws://b:1"), ("wss://c.example/", "wss://c.example")],
)
def test_socket_base(url, expected):
    assert socket_base(url) == expected


def test_tools_are_described_afresh_each_time():
    """A transfer's targets are one agent's; they must not show up at another's."""
    with_targets, *_ = describe(ALL_TOOLS, ["billing", "sales"])
    assert with_targets["parameters"]["properties"]["target"]["enum"] == ["billing", "sales"]
    assert with_targets["parameters"]["required"] == ["target", "reason", "summary"]
    without, ambience, end_call = describe(ALL_TOOLS)
    assert "enum" not in without["parameters"]["properties"]["target"]
    assert [tool["name"] for tool in (without, ambience, end_call)] == list(ALL_TOOLS)


@pytest.mark.parametrize(
    ("text", "expected"), [("", {}), (" ", {}), ('{"a": 1}', {"a": 1}), ("[1]", None), ("{a: 1}", None), ("null", None)]
)
def test_arguments(text, expected):
    assert parse_arguments(text) == expected


# --- vendors of others ---

OTHERS = """
from relay.agents.echo import EchoSession, EchoOptions
from relay.agents.vendor import Vendor, read_options


def configure(spec, settings):
    options = read_options(spec, EchoOptions, settings)
    return lambda context: EchoSession(options)


VENDOR = Vendor(title="Mine", configure=configure, options=EchoOptions)
NOTHING = 5
"""


@pytest.fixture
def others(tmp_path, monkeypatch):
    (tmp_path / "a_vendor_of_mine.py").write_text(OTHERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("a_vendor_of_mine", None)


@pytest.mark.parametrize(("name", "title"), [("configure", "a_vendor_of_mine:configure"), ("VENDOR", "Mine")])
async def test_a_vendor_of_others_is_found_by_module_and_name(others, name, title):
    vendor = VENDORS[f"a_vendor_of_mine:{name}"]
    assert vendor.title == title
    spec = AgentSpec("front", "mine", "", options={"delay_ms": 100})
    assert vendor.configure(spec, SETTINGS)(None).late_audio_ms == 0
    assert f"a_vendor_of_mine:{name}" not in list(VENDORS)


def test_a_vendor_of_others_is_found_by_its_entry_point(others):
    folder = others / "mine-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: mine\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nmine = a_vendor_of_mine:VENDOR\n")
    assert VENDORS["mine"].title == "Mine"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme", "agents.front.vendor to be one of elevenlabs, .*, or package.module:configure"),
        ("not_there:configure", "vendor to be importable: ModuleNotFoundError: No module named 'not_there'"),
        ("a_vendor_of_mine:x", "agents.front.vendor to be importable: AttributeError: .*no attribute 'x'"),
        (
            "a_vendor_of_mine:NOTHING",
            "a_vendor_of_mine:NOTHING is of type int, not a function",
        ),
    ],
)
def test_an_unavailable_vendor_is_named(others, name, expected):
    (others / "agents.toml").write_text(f'[agents.front]\nvendor = "{name}"\n')
    with pytest.raises(SettingError, match=expected):
        read_agents_file(str(others / "agents.toml"), VENDORS)


@pytest.mark.parametrize(
    ("spec", "ending"),
    [
        (AgentSpec("a", "openai", ""), {}),
        (AgentSpec("a", "openai", "gpt-realtime-mini"), {"gpt-realtime-mini": "2027-01-20"}),
        (AgentSpec("a", "openai", "", options={"transcription_model": "whisper-1"}), {"whisper-1": "2027-02-26"}),
        *[
            (
                AgentSpec("a", "openai", "", options={"transcription_model": f"gpt-4o-{name}"}),
                {f"gpt-4o-{name}": WHISPER},
            )
            for name in ("transcribe", "mini-transcribe", "mini-transcribe-2025-12-15", "transcribe-diarize")
        ],
        (AgentSpec("a", "openai", "gpt-realtime"), {"gpt-realtime": "2027-01-20"}),
        (AgentSpec("a", "openai", "", options={"nonsense": 1}), {}),
        (AgentSpec("a", "deepgram", "gpt-realtime-mini"), {}),
    ],
)
def test_models_whose_end_was_announced(spec, ending):
    assert VENDORS[spec.vendor].ending(spec) == ending


def test_nothing_that_is_used_by_default_is_about_to_end():
    assert not any(vendor.ending(AgentSpec("a", name, "")) for name, vendor in VENDORS.items())


def test_azure_needs_the_address_of_the_resource():
    with pytest.raises(SettingError, match="agents.front.options: expected base_url, such as https://RESOURCE.openai"):
        VENDORS["azure_openai"].configure(AgentSpec("front", "azure_openai", ""), SETTINGS)


# --- what a look-up wants to be different ---


@pytest.mark.parametrize("name", FAKES)
def test_what_a_vendor_takes_are_options_of_it(name):
    kind = VENDORS[name].options
    takes = kind.takes
    assert set(takes) <= set(NAMES)
    if issubclass(kind, HostedOptions):
        assert set(takes.values()) <= {field.name for field in msgspec.structs.fields(kind)}


def test_overrides_become_options_for_one_call():
    options = OpenAIOptions(prompt="Be kind.", voice="cedar")
    call = replace(CALL, overrides=Overrides(prompt="Be brief.", first_message="Hello {{caller_number}}!", speed=1.2))
    made, untaken = options.for_call(call)
    assert (made.prompt, made.speed, made.voice) == ("Be brief.", 1.2, "cedar")
    assert made.first_words(call) == "Hello 09876500001!"
    assert untaken == []
    assert options.for_call(CALL) == (options, [])
    assert options.prompt == "Be kind."


def test_what_a_vendor_does_not_take_and_what_is_out_of_its_range_is_said():
    call = replace(CALL, overrides=Overrides(voice="Puck", language="hi", speed=1.2))
    made, (untaken,) = GeminiOptions().for_call(call)
    assert made.voice == "Puck"
    assert untaken == Notice("override_not_taken", "language, speed: this vendor doesn't support it")
    made, (out_of_range,) = OpenAIOptions().for_call(replace(CALL, overrides=Overrides(speed=4.0, voice="ash")))
    assert (made.speed, made.voice) == (1.0, "ash")
    assert out_of_range.text.startswith("speed: Expected `float` <= 1.5")


def test_a_variable_of_the_look_up_is_filled_in_and_takes_no_name_of_ours():
    given = {"name": "Asha", "gold": True, "orders": 3, "call_sid": "forged"}
    call = replace(CALL, custom_parameters={"name": "", "gold": "no"}, given=given)
    assert fill("{{name}} {{gold}} {{orders}} {{call_sid}}", call) == "Asha true 3 call1"


@pytest.mark.parametrize(
    ("vendor", "address"),
    [
        ("deepgram", "https://agent.deepgram.com"),
        ("gemini", "https://generativelanguage.googleapis.com"),
        ("grok", "https://api.x.ai"),
        ("openai", "https://api.openai.com"),
        ("sarvam", "https://apps.sarvam.ai"),
        ("ultravox", "https://api.ultravox.ai"),
    ],
)
def test_an_entry_without_an_address_leads_to_the_vendor_s_own(vendor, address):
    """Tests always name another one."""
    declared = VENDORS[vendor]
    assert msgspec.convert(dict(declared.needs), declared.options).base_url == address
