"""Where a bot is and how it knows us."""

import base64
from dataclasses import replace

import pytest

from relay.agents.roster import AgentSpec
from relay.agents.telephony.options import BotOptions
from relay.settings import Settings

SPEC = AgentSpec(alias="desk", vendor="exotel", id="")


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("options", "environ", "address", "headers"),
    [
        ({"url": "wss://bot.example.in/ws"}, {}, "wss://bot.example.in/ws", {}),
        (
            {"url": "wss://ravi:open%20sesame@bot.example.in/ws"},
            {},
            "wss://bot.example.in/ws",
            {"Authorization": basic("ravi:open sesame")},
        ),
        (
            {"url_env": "BOT_URL", "basic_auth_env": "BOT_LOGIN", "headers_env": {"X-Key": "BOT_KEY"}},
            {"BOT_URL": "wss://ravi:old@bot.example.in/ws", "BOT_LOGIN": "ravi:new", "BOT_KEY": "k"},
            "wss://bot.example.in/ws",
            {"Authorization": basic("ravi:new"), "X-Key": "k"},
        ),
    ],
    ids=["open", "in the URL", "in the environment, which wins"],
)
def test_credentials_travel_in_headers_and_not_in_the_address(options, environ, address, headers):
    settings = replace(Settings(), environ=environ)
    assert BotOptions(**options).address(SPEC, settings) == (address, headers)
