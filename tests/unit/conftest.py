"""For all unit tests: whatever they log keeps to its contract."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.log_contract import LOGGERS, keeping_to_it


@pytest.fixture(autouse=True)
def _log_lines_are_as_documented() -> Iterator[None]:
    """At the level of production: below it no line is put together, and a mistake in one would stay unseen."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        with keeping_to_it():
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
