"""A report that can be sent, and a page that a team may read: figures for all, numbers and words for nobody."""

import html.parser
import json
from datetime import date

import pytest

from console.__main__ import main
from console.calls.app import Explorer
from console.calls.costing import Costing
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.search import Filter
from console.calls.share import Share
from console.calls.sound import Sounds
from console.calls.source import open_source
from tests.support.many_calls import NEWEST, records, write_records

TODAY = NEWEST.date()
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(html.parser.HTMLParser):
    """The tags of a page, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in {"src", "href", "srcset", "action"}]


@pytest.fixture
def share(tmp_path):
    write_records(tmp_path / "store", 60)
    [one] = records(1)
    asked = "my card is 4111 1111 1111 1111, call 98765 43210, I am Asha"
    said = [{"speaker": "caller", "text": asked, "offset_ms": 100, "at": None, "interrupted": False, "heard_ms": None}]
    hostile = {
        **one, "call_sid": "hostile", "from": "+919876543210", "to": "+918047100002", "turns": said,
        "agent": {"alias": HOSTILE, "vendor": "elevenlabs", "id": "x"}, "end_reason": "agent_failed",
        "analysis": {"call_summary_title": f"{HOSTILE} {asked}"},
    }  # fmt: skip
    (tmp_path / "store" / "logs" / "hostile.json").write_text(json.dumps(hostile))
    source = open_source(f"file:{tmp_path / 'store'}")
    index = Index(source.name, tmp_path / "index")
    Refresh(source, index).run()

    def made(**more):
        return Share(source, index, Costing(), Filter(first_day=date(2026, 10, 1), last_day=TODAY), **more)

    return made


def test_the_report_has_figures_and_no_number_no_word_no_script(share, tmp_path):
    assert share().write(tmp_path / "out", TODAY) == 1
    [file] = (tmp_path / "out").iterdir()
    text = file.read_text()
    assert "Handled without a human" in text
    assert "hostile" in text
    for secret in ("9876543210", "98765", "80471", "4111", "Asha", "opening hours", "appointment", "blood report"):
        assert secret not in text, secret
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert page.loads == []
    assert "default-src 'none'" in text
    assert "onerror" not in text.replace("onerror=alert(1)&gt;", "")


def test_the_figures_are_those_of_the_explorer(share, tmp_path):
    share().write(tmp_path / "out", TODAY)
    text = (tmp_path / "out" / "index.html").read_text()
    assert "<td>Calls<td class=n>61" in text
    assert "Calls of unknown cost" in text or "Cost, USD" in text


def test_words_are_redacted_and_one_page_a_call(share, tmp_path):
    assert share(words=True).write(tmp_path / "out", TODAY) == 62
    page = (tmp_path / "out" / "calls" / "hostile.html").read_text()
    assert "my card is [card], call ***3210, I am Asha" in page
    assert "Call hostile" in page
    text = (tmp_path / "out" / "index.html").read_text()
    assert 'href="calls/hostile.html"' in text
    everything = "".join(path.read_text() for path in (tmp_path / "out").rglob("*.html"))
    assert [secret for secret in ("9876543210", "98765 43210", "4111", "8047100002") if secret in everything] == []
    assert all("script" not in Page(path.read_text()).tags for path in (tmp_path / "out").rglob("*.html"))


def test_a_folder_that_holds_something_is_left_alone(share, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="expected a folder that is not there yet, or is empty"):
        share().write(tmp_path / "out", TODAY)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_command_writes_it(tmp_path, capsys):
    write_records(tmp_path / "store", 5)
    given = [
        "calls",
        f"file:{tmp_path / 'store'}",
        "--index",
        str(tmp_path / "index"),
        "--share",
        str(tmp_path / "out"),
    ]
    assert main([*given, "--since", "2026-11-01", "--until", "2026-11-30"]) == 0
    assert "1 file in" in capsys.readouterr().out
    assert (tmp_path / "out" / "index.html").exists()
    assert main(given) == 2
    assert "expected a folder that is not there yet" in capsys.readouterr().err


@pytest.mark.parametrize("published", [False, True])
async def test_for_a_team_no_number_is_whole(share, tmp_path, aiohttp_client_of, published):
    one = share()
    explorer = Explorer(
        one.source, one.index, Refresh(one.source, one.index), Sounds(one.source, tmp_path), published=published
    )
    async with aiohttp_client_of(explorer.routes()) as ask:
        call = await ask("/api/calls/hostile?numbers=whole")
        status = await ask("/api/status")
        overview = await ask("/api/overview?first_day=2026-11-01&last_day=2026-11-30")
    assert (call["record"]["from"] == "***3210") is published
    assert (status["called"] == []) is published
    whole = [value for value, *_ in overview["groups"]["called"] if value.startswith("+")]
    assert (whole == []) is published
    assert status.get("published", False) is published
