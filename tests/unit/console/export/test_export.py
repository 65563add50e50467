"""Calls as a table: the same rows in three forms, read again by other software."""

import csv
import json
from datetime import UTC, datetime

import pyarrow.parquet as parquet
import pytest

from console.__main__ import main
from console.export.columns import COLUMNS, SCHEMA, Kind
from sim.processes import ROOT

RECORD = {
    "schema": 1,
    "call_sid": "c1",
    "conversation_id": "conv_1",
    "started_at": "2026-11-22T14:05:00.250Z",
    "ended_at": "2026-11-22T14:05:20.250Z",
    "duration_s": 20.0,
    "from": "+919876543210",
    "to": "+918047100002",
    "agent": {"alias": "backup", "vendor": "openai", "id": "x"},
    "agents": [{"alias": "front"}, {"alias": "backup"}],
    "ended_by": "agent",
    "end_reason": "transferred",
    "transfer": {"state": "answered", "target": "billing", "reason": "call 98765 43210 back"},
    "analysis": {"call_successful": "success", "transcript_summary": "=HYPERLINK(\"x\")"},
    "quality": {"first_audio_ms": 231, "interruptions": 1, "gaps": 0, "answer_ms": {"p50": 700, "p95": 900}},
    "turns": [
        {"speaker": "agent", "text": "Good morning", "offset_ms": 100, "interrupted": True, "heard_ms": 900},
        {"speaker": "caller", "text": "मेरा नंबर ९८७६५ ४३२१० है", "offset_ms": 1500},
    ],
}  # fmt: skip


def store(folder, *records):
    logs = folder / "store" / "logs"
    logs.mkdir(parents=True)
    for at, record in enumerate(records):
        (logs / f"{at}.json").write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
    return f"file:{folder / 'store'}"


def export(folder, name, *records, arguments=(), status=0):
    path = folder / name
    assert main(["export", str(path), "--store", store(folder, *records), *arguments]) == status
    return path


def test_parquet_has_typed_columns_that_say_what_they_are(tmp_path):
    path = export(tmp_path, "calls.parquet", RECORD)
    table = parquet.read_table(path)
    assert table.column_names == [column.name for column in COLUMNS]
    assert table.schema.metadata[b"schema"] == str(SCHEMA).encode()
    assert table.schema.field("answer_p95_ms").metadata[b"about"] == b"95th percentile of it"
    [row] = table.to_pylist()
    assert row["started_at"] == datetime(2026, 11, 22, 14, 5, 0, 250_000, tzinfo=UTC)
    assert (row["failovers"], row["successful"], row["answer_p50_ms"]) == (1, True, 700)
    first = {"speaker": "agent", "text": "Good morning", "offset_ms": 100, "interrupted": True, "heard_ms": 900}
    assert row["turns"][0] == first | {"answer_ms": None}


def test_the_three_forms_hold_the_same(tmp_path):
    rows = {}
    for ending in ("parquet", "csv", "jsonl"):
        folder = tmp_path / ending
        folder.mkdir()
        rows[ending] = export(folder, f"calls.{ending}", RECORD)
    [as_json] = map(json.loads, rows["jsonl"].read_text(encoding="utf-8").splitlines())
    with rows["csv"].open(encoding="utf-8-sig", newline="") as file:
        [as_csv] = csv.DictReader(file)
    [as_parquet] = parquet.read_table(rows["parquet"]).to_pylist()
    assert list(as_json) == list(as_csv) == list(as_parquet)
    assert as_json["started_at"] == as_csv["started_at"] == "2026-11-22T14:05:00.250Z"
    assert json.loads(as_csv["turns"]) == as_json["turns"] == as_parquet["turns"]
    assert as_csv["successful"] == "true"
    assert as_csv["summary"] == '\'=HYPERLINK("x")', "no formula in somebody's spreadsheet"


@pytest.mark.parametrize(
    ("numbers", "caller", "reason"),
    [("masked", "***3210", "call ***3210 back"), ("full", "+919876543210", "call 98765 43210 back")],
)
def test_numbers_are_masked_unless_wanted(tmp_path, numbers, caller, reason):
    path = export(tmp_path, "c.jsonl", RECORD, arguments=("--numbers", numbers))
    row = json.loads(path.read_text(encoding="utf-8"))
    assert (row["from_number"], row["transfer_reason"]) == (caller, reason)
    assert ("९८७६५" in row["turns"][1]["text"]) == (numbers == "full")


def test_a_hash_tells_the_same_caller_and_needs_a_key(tmp_path, monkeypatch, capsys):
    other = RECORD | {"from": "+919876543211"}
    monkeypatch.setenv("EXPORT_HASH_KEY", "a-key-of-nobody")
    path = export(tmp_path, "c.jsonl", RECORD, RECORD, other, arguments=("--numbers", "hashed"))
    first, again, another = (json.loads(line)["from_number"] for line in path.read_text().splitlines())
    assert first == again != another
    assert len(first) == 24
    monkeypatch.delenv("EXPORT_HASH_KEY")
    assert main(["export", str(path), "--store", f"file:{tmp_path / 'store'}", "--numbers", "hashed"]) == 2
    assert "expected a secret in EXPORT_HASH_KEY" in capsys.readouterr().err


def test_a_period_holds_its_first_and_its_last_day(tmp_path):
    days = [RECORD | {"call_sid": day, "started_at": f"2026-11-{day}T00:00:00Z"} for day in ("20", "21", "22", "23")]
    path = export(tmp_path, "c.jsonl", *days, arguments=("--since", "2026-11-21", "--until", "2026-11-22"))
    assert [json.loads(line)["call_sid"] for line in path.read_text().splitlines()] == ["21", "22"]


def test_a_damaged_record_is_named_and_the_rest_exported(tmp_path, capsys):
    path = export(tmp_path, "c.jsonl", '{"call_sid": "cut o', RECORD, {"no": "record"}, status=1)
    assert len(path.read_text().splitlines()) == 1
    assert "logs/0.json: left out, it can't be read" in capsys.readouterr().err


def test_figures_that_can_not_be_are_empty(tmp_path):
    strange = {
        "call_sid": "x",
        "started_at": "soon",
        "quality": {"gaps": 1e300, "first_audio_ms": "many"},
        "turns": "none",
    }
    row = json.loads(export(tmp_path, "c.jsonl", strange).read_text())
    assert (row["started_at"], row["gaps"], row["first_audio_ms"], row["turns"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("calls.xlsx",), "calls.xlsx: expected a name that ends in .parquet, .csv, .jsonl"),
        (("calls.csv", "--store", "bucket"), "--store 'bucket': expected file:DIR, s3://BUCKET/PREFIX"),
        (("{folder}/calls.csv", "--store", "file:{folder}/misspelt"), "misspelt: there is no such folder"),
        (("{folder}/nowhere/calls.csv", "--store", "file:{folder}"), "No such file"),
    ],
)
def test_what_can_not_be_exported_is_one_line_and_status_2(tmp_path, capsys, arguments, says):
    assert main(["export", *(argument.format(folder=tmp_path) for argument in arguments)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line
    assert not list(tmp_path.glob("*")), "a misspelt store is not made by looking into it"


def test_every_column_is_documented():
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    kinds = {
        Kind.TEXT: "text",
        Kind.TIME: "time",
        Kind.WHOLE: "whole number",
        Kind.REAL: "number",
        Kind.YES_NO: "yes or no",
        Kind.TURNS: "list",
    }
    for column in COLUMNS:
        assert f"| `{column.name}` | {kinds[column.kind]} | {column.about} |" in page
    assert f"version {SCHEMA}" in page


@pytest.mark.parametrize(
    ("charges", "usd", "credits_"),
    [
        ([{"usd": 0.17, "credits": 800}, {"usd": 0.05, "credits": 200}], 0.22, 1000),
        ([{"usd": 0.17, "credits": 800}, {"usd": None, "credits": 200}], None, 1000),
        ([], None, None),
    ],
)
def test_what_the_vendor_takes_is_summed_where_all_of_it_is_told(tmp_path, charges, usd, credits_):
    told = RECORD | {"charges": charges, "vendor_version": "v7", "agents_version": "3-ab"}
    row = json.loads(export(tmp_path, "c.jsonl", told).read_text())
    assert (row["vendor_usd"], row["vendor_credits"]) == (usd, credits_)
    assert (row["vendor_version"], row["agents_version"]) == ("v7", "3-ab")
