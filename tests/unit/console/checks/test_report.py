"""What a person reads, and what a pipeline does."""

import io
import json

import pytest

from console.checks.finding import Finding, Verdict
from console.checks.report import Lines, as_json

FINDINGS = [
    Finding("relay.dns", Verdict.PASS, "relay.example.com resolves to 93.184.215.14"),
    Finding("relay.tls", Verdict.FAIL, "relay.example.com: its certificate is refused", "Serve the whole chain."),
    Finding("relay.certificate", Verdict.SKIPPED, "can't be checked before relay.tls is fixed"),
    Finding("relay.http1", Verdict.SKIPPED, "can't be checked before relay.tls is fixed"),
    Finding("functions.passthru_token", Verdict.SKIPPED, "the Passthru URL is not known"),
    Finding("settings.secrets", Verdict.WARN, "ELEVENLABS_WEBHOOK_SECRET is short", "Make a new one."),
]


def lines(findings, **options):
    out = io.StringIO()
    report = Lines(out, **{"colour": False, **options})
    for finding in findings:
        report.add(finding)
    report.end(findings)
    return out.getvalue()


def test_lines_are_aligned_with_advice_below_and_the_summary_last():
    assert lines(FINDINGS) == (
        "  pass  relay.dns                 relay.example.com resolves to 93.184.215.14\n"
        "  FAIL  relay.tls                 relay.example.com: its certificate is refused\n"
        "                                  → Serve the whole chain.\n"
        "  skip  relay.certificate … http1 can't be checked before relay.tls is fixed\n"
        "\n"
        "  skip  functions.passthru_token  the Passthru URL is not known\n"
        "\n"
        "  WARN  settings.secrets          ELEVENLABS_WEBHOOK_SECRET is short\n"
        "                                  → Make a new one.\n"
        "\n"
        "6 checks: 1 pass, 1 warn, 1 fail, 3 skipped\n"
    )


def test_each_line_is_there_as_soon_as_it_is_known():
    out = io.StringIO()
    Lines(out, colour=False).add(FINDINGS[0])
    assert "relay.dns" in out.getvalue()


def test_colour_only_where_it_is_wanted():
    assert "\x1b[1;31mFAIL\x1b[0m" in lines(FINDINGS, colour=True)
    assert "\x1b" not in lines(FINDINGS)


def test_long_sentences_stay_in_their_column_and_addresses_stay_whole():
    address = "https://" + "functions.example.com/" * 4
    text = lines([Finding("relay.dns", Verdict.WARN, "word " * 20, f"See {address} " + "word " * 20)], width=80)
    assert all(len(line) <= 80 or address in line for line in text.splitlines())
    assert address in text
    assert all(line.startswith(" " * 34) for line in text.splitlines()[1:-2])


def test_the_json_is_one_object_with_everything_in_it():
    document = json.loads(as_json(FINDINGS, 1_800_000_000.4))
    assert document["format"] == 1
    assert document["time"] == "2027-01-15T08:00:00Z"
    assert document["counts"] == {"pass": 1, "warn": 1, "fail": 1, "skipped": 3}
    assert document["findings"][1] == {
        "check": "relay.tls",
        "verdict": "fail",
        "found": "relay.example.com: its certificate is refused",
        "advice": "Serve the whole chain.",
    }


def test_every_warning_and_failure_says_what_to_do():
    with pytest.raises(ValueError, match="relay.dns: a fail needs advice"):
        Finding("relay.dns", Verdict.FAIL, "no such name")
