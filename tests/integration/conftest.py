"""For all tests of parts together: whatever they log is read for what must never be in a log."""

import re

import pytest

from relay.logs import STANDARD
from tests.support.log_contract import keeping_to_it

# People's numbers and the secrets that the fakes and the tests' worlds use. A number may be masked to its last four.
_FORBIDDEN = re.compile(
    r"987650\d{4}|804710\d{4}|sk_test|sk_of_nobody|events-secret|relay-secret|wsec_|exotel-token|-of-nobody|"
    r"conversation_signature=[^&\s\"']{8}"
)


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog):
    """Every line of the relay and the functions, at every level, with all its fields (design D9)."""
    for name in ("relay", "functions"):
        caplog.set_level("DEBUG", logger=name)
    with keeping_to_it():
        yield
    for record in caplog.get_records("call"):
        if record.name.split(".")[0] in {"relay", "functions"}:
            # not logging's own: the fraction of a time looked like a number once
            fields = {key: value for key, value in vars(record).items() if key not in STANDARD}
            found = _FORBIDDEN.search(f"{record.getMessage()} {fields} {record.exc_info} {record.exc_text or ''}")
            assert not found, f"{found[0]!r} was logged: {record.getMessage()}"
