"""What can be tested of the forms that need a quiet machine."""

import pytest

from tests.chaos import pages
from tests.chaos.faults import FAULTS
from tests.chaos.live import CALM, LIVE, Steady


def test_the_faults_that_are_played_live_exist():
    """One that was renamed would be measured as if nothing had happened."""
    assert set(LIVE) - {CALM} <= set(map(str, FAULTS))


@pytest.mark.parametrize(
    ("uplink", "heard", "clear", "holes", "good"),
    [(10, 150, 10, 0, True), (10.1, 1, 1, 0, False), (1, 151, 1, 0, False), (1, 1, 11, 0, False), (1, 1, 1, 1, False)],
)
def test_what_the_design_allows(uplink, heard, clear, holes, good):
    steady = Steady("x", uplink, heard, clear, holes)
    assert steady.good is good
    assert steady.row().endswith(f"| {'yes' if good else 'no'} |")


def test_a_table_replaces_the_one_before_it_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    other = f"{pages.begin('other')}\nits own\n{pages.END}\n"
    page.write_text(f"before\n{other}{pages.begin('mine')}\nold\n{pages.END}\nafter\n")
    pages.publish("mine", "new", "page.md")
    assert page.read_text() == f"before\n{other}{pages.begin('mine')}\nnew\n{pages.END}\nafter\n"
    with pytest.raises(ValueError, match="no such table"):
        pages.publish("no such table", "new", "page.md")
