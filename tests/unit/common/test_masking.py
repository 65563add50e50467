"""Numbers in texts, as speech recognition, models, vendors and lines write them: one corpus for logs and exports."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.masking import mask_text
from console.records.masking import mask_all

ROWS = [
    (line.split("\t") + ["", ""])[:3]
    for line in (Path(__file__).parents[2] / "fixtures" / "numbers.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("text", "gone", "stays"), ROWS, ids=lambda value: value[:40])
def test_numbers_are_gone_and_the_rest_is_readable(text, gone, stays):
    """`98765, 43210` got through, and `2026-11-29` became `***1129`."""
    masked = mask_text(text)
    assert not gone or gone not in masked
    assert stays in masked


@pytest.mark.parametrize(("text", "gone", "stays"), ROWS, ids=lambda value: value[:40])
def test_the_explorers_export_masks_the_same(text, gone, stays):
    record = {"turns": [{"speaker": "caller", "text": text}], "end_detail": text}
    masked = mask_all(record)
    assert masked == {"turns": [{"speaker": "caller", "text": mask_text(text)}], "end_detail": mask_text(text)}


GAPS = st.sampled_from(["", " ", "-", ", ", ". ", " - ", "–", "\u00a0"])


@given(
    st.lists(st.tuples(st.text("0123456789", min_size=1, max_size=5), GAPS), min_size=2, max_size=8),
    st.text(max_size=9),
)
def test_a_mobile_number_is_masked_in_any_grouping(groups, around):
    number = "98765" + "".join(group + gap for group, gap in groups) + "43210"
    letters = "".join(letter for letter in around if letter.isalpha() and not letter.isascii())
    assert "98765" not in mask_text(f"{letters} {number} {letters}")


@given(st.text(max_size=200))
def test_masking_again_changes_nothing_and_nothing_raises(text):
    once = mask_text(text)
    assert mask_text(once) == once


def test_a_long_text_takes_no_long_time():
    """Quadratic patterns would stop the loop that carries the calls: this returns at once or not at all."""
    for text in ("1" * 200_000, "1 " * 100_000, "1,234," * 30_000, "nine " * 40_000, "a1" * 100_000, "12.5 " * 40_000):
        mask_text(text)
