"""The Grafana dashboard asks only for metrics that the relay has, in queries that parse, and docs list them all."""

import json
import re

import promql_parser

from sim.processes import ROOT
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

BOARD = json.loads((ROOT / "infra/grafana/voice-bridge.json").read_text())


@virtual
async def test_every_metric_of_the_dashboard_exists(tmp_path):
    async with relay_world(tmp_path) as world:
        text = world.relay.metrics.render().decode()
    known = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    queries = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    assert len(queries) >= len(BOARD["panels"])
    for query in queries:
        promql_parser.parse(query)
        for name in re.findall(r"\brelay_\w+", query):
            assert name in known or re.sub(r"_(bucket|sum|count)$", "", name) in known, f"{name} in {query}"


@virtual
async def test_the_documented_table_is_what_prometheus_reads(tmp_path):
    """Names, types, and the words that Grafana shows beside them; nothing is missing in it."""
    async with relay_world(tmp_path) as world:
        text = world.relay.metrics.render().decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    words = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
    page = (ROOT / "docs/tracing.md").read_text()
    rows = re.findall(r"^\| `(relay_\w+)` \| (\w+) \| [^|]*\| (.*) \|$", page, re.MULTILINE)
    assert {name: (kind, what) for name, kind, what in rows} == {
        name: (kind, words[name]) for name, kind in types.items() if not name.endswith("_created")
    }


def test_panels_do_not_lie_on_each_other():
    places = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not covered & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= covered
