"""What several tests of the relay's parts need from pytest."""

import logging

import pytest


@pytest.fixture
def logged(caplog):
    """The relay's log from INFO on, as in production: below the level nothing is put together, and a mistake in a line
    would stay unseen."""
    caplog.set_level(logging.INFO, logger="relay")
    return caplog
