"""A folder keeps what it holds for as long as its owner says, and the sweep sees to it a little at a time."""

import json
import os

import pytest

from functions.common.store.folder import FolderStore
from functions.webhook import retention
from functions.webhook.settings import Settings
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore

DAY = 86_400
KEYS = (
    "audio/a.mp3", "callers/h/20261101/a.json", "calls/a/events/1.json", "config/agents/1.toml",
    "conversations/c/call", "inbox/2026/11/01/x.json", "inbox/of/c/x.json", "logs/a.json", "recordings/a/s/00000.wav",
)  # fmt: skip


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "data")


def put(store, *keys, days_old):
    for key in keys:
        store.create(key, b"{}")
        path = store._root / key
        os.utime(path, (calls.NOW - days_old * DAY,) * 2)


def sweep(store, now=calls.NOW, **days):
    environment = {f"{name.upper()}_RETENTION_DAYS": str(value) for name, value in days.items()}
    return calls.webhook_app(store, lambda: now, **environment).sweep().expired


def left(store):
    return [key for key in store.keys("") if not key.startswith("pending/")]


def test_nothing_goes_until_somebody_says_so(store):
    put(store, *KEYS, days_old=4000)
    assert sweep(store) == 0
    assert left(store) == sorted(KEYS)


@pytest.mark.parametrize(
    ("days", "stay"),
    [
        ({"records": 30}, ["config/agents/1.toml"]),
        ({"records": 100}, list(KEYS)),
        ({"audio": 30}, [key for key in KEYS if not key.startswith(("audio/", "recordings/"))]),
        ({"inbox": 30}, [key for key in KEYS if not key.startswith("inbox/")]),
        ({"records": 30, "inbox": 100}, ["config/agents/1.toml", "inbox/2026/11/01/x.json", "inbox/of/c/x.json"]),
    ],
)
def test_each_kind_goes_in_its_time_and_agents_files_never(store, days, stay):
    put(store, *KEYS, days_old=50)
    assert sweep(store, **days) == len(KEYS) - len(stay)
    assert left(store) == sorted(stay)


def test_what_is_young_enough_stays(store):
    put(store, "logs/old.json", days_old=30.01)
    put(store, "logs/new.json", days_old=29.99)
    assert sweep(store, records=30) == 1
    assert left(store) == ["logs/new.json"]


def test_it_is_looked_at_once_an_hour(store):
    assert sweep(store, records=30) == 0
    put(store, "logs/a.json", days_old=50)
    assert sweep(store, now=calls.NOW + 3000, records=30) == 0
    assert sweep(store, now=calls.NOW + 3601, records=30) == 1


def test_a_run_removes_so_many_and_the_next_one_goes_on(store, monkeypatch):
    monkeypatch.setattr(retention, "_MOST", 4)
    put(store, *KEYS, days_old=50)
    assert [sweep(store, now=calls.NOW + second, records=30) for second in range(4)] == [4, 4, 0, 0]
    assert left(store) == ["config/agents/1.toml"]


def test_a_run_ends_when_its_time_is_up(store):
    put(store, *KEYS, days_old=50)
    settings = Settings.from_env({**calls.ENVIRONMENT, "RECORDS_RETENTION_DAYS": "30"})
    assert retention.expire(store, settings, calls.NOW, lambda: True) == 0
    assert json.loads(store.read("pending/retention.json").body)["next_at"] == calls.NOW
    assert retention.expire(store, settings, calls.NOW, lambda: False) == len(KEYS) - 1


def test_a_run_that_dies_is_made_up_for_an_hour_later(store):
    put(store, *KEYS, days_old=50)
    settings = Settings.from_env({**calls.ENVIRONMENT, "RECORDS_RETENTION_DAYS": "30"})
    with pytest.raises(Crash):
        retention.expire(CrashingStore(store, 6), settings, calls.NOW, lambda: False)
    assert 1 < len(left(store)) < len(KEYS)
    retention.expire(store, settings, calls.NOW + 3601, lambda: False)
    assert left(store) == ["config/agents/1.toml"]


def test_invalid_retention_days_stop_the_start():
    with pytest.raises(ValueError, match="RECORDS_RETENTION_DAYS='-1': expected a number from 0 to 3650"):
        Settings.from_env({**calls.ENVIRONMENT, "RECORDS_RETENTION_DAYS": "-1"})
