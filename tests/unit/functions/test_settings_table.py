"""The settings table in docs/functions.md is what the code reads: no name more, none less."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from common.env import Env
from functions.common.settings import log_level, store
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings

TEXT = (Path(__file__).parents[3] / "docs" / "functions.md").read_text()


class Watched(Mapping):
    """An environment that remembers what it was asked for."""

    def __init__(self, folder):
        self.asked = set()
        self._given = {"EXOTEL_TOKEN": "t" * 16, "STORE": f"file:{folder}"}

    def __getitem__(self, name):
        self.asked.add(name)
        return self._given[name]

    def __iter__(self):
        return iter(self._given)

    def __len__(self):
        return len(self._given)


def documented(section):
    table = TEXT.split(f"### {section}\n")[1].split("\n#")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([A-Z_0-9]+)`", cell)}


@pytest.mark.parametrize(("section", "settings"), [("webhook", WebhookSettings), ("transfer", TransferSettings)])
def test_every_setting_is_in_the_table(section, settings, tmp_path):
    watched = Watched(tmp_path)
    settings.from_env(watched)
    store(Env(watched))
    log_level(Env(watched))
    assert watched.asked == documented(section) | documented("Both functions")
