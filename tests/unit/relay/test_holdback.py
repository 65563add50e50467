"""What is learned of how an agent sends its speech."""

import pytest

from relay.audio.holdback import Holdback

SLACK = 0.055


def sent(holdback: Holdback, utterance: str, piece_s: float, every_s: float, count: int, at: float = 0.0) -> float:
    """`count` pieces; returns for how long the first of them had to wait for its turn."""
    opens_at = None
    total = 0.0
    for number in range(count):
        now = at + number * every_s
        if opens_at is not None and opens_at <= now:
            opens_at = min(opens_at, now)
        holdback.arrived(utterance, piece_s, now)
        total += piece_s
        wanted = holdback.opens_at(utterance, total)
        if opens_at is None or opens_at > now:
            opens_at = max(wanted, now)
    return opens_at - at


@pytest.mark.parametrize("piece_s", [0.12, 0.25, 1.0])
def test_an_agent_that_sends_bursts_does_not_wait(piece_s):
    holdback = Holdback(SLACK)
    assert [sent(holdback, f"u{n}", piece_s, piece_s / 5, 8, n * 10.0) for n in range(6)] == pytest.approx([0.0] * 6)


def test_small_pieces_in_a_burst_wait_until_it_can_be_seen_that_they_are_one():
    holdback = Holdback(SLACK)
    waits = [sent(holdback, f"u{n}", 0.02, 0.002, 50, n * 10.0) for n in range(5)]
    assert max(waits) <= 0.011


@pytest.mark.parametrize("piece_s", [0.02, 0.03, 0.06, 0.1, 0.1013])
def test_an_agent_in_real_time_waits_for_what_the_wire_needs(piece_s):
    holdback = Holdback(SLACK)
    waits = [sent(holdback, f"u{n}", piece_s, piece_s, 30, n * 10.0) for n in range(5)]
    assert waits == pytest.approx([SLACK] * 5, abs=0.001)


def test_pieces_that_come_unevenly_wait_for_longer_from_the_second_utterance_on():
    holdback = Holdback(SLACK)
    sent(holdback, "u1", 0.02, 0.02, 10)
    holdback.arrived("u1", 0.02, 0.28)  # 80 ms late
    assert sent(holdback, "u2", 0.02, 0.02, 30, 10.0) == pytest.approx(SLACK + 0.08)


def test_a_first_piece_that_was_late_itself_hides_nothing():
    """Pieces up to 60 ms late left holes in the first words of three utterances: only what came later than the first
    piece was counted, and that one may have been late, too."""
    holdback = Holdback(SLACK)
    times = [max(0.05, 0.02 * number) for number in range(15)] + [0.35] + [max(0.35, 0.02 * n) for n in range(16, 30)]
    for now in times:
        holdback.arrived("u1", 0.02, now)
    assert sent(holdback, "u2", 0.02, 0.02, 30, 10.0) == pytest.approx(SLACK + 0.05)


def test_an_agent_a_little_quicker_than_speech_is_not_uneven():
    holdback = Holdback(SLACK)
    waits = [sent(holdback, f"u{n}", 0.02, 0.019, 60, n * 10.0) for n in range(3)]
    assert max(waits) <= SLACK + 0.001


def test_what_an_agent_sends_ahead_and_slowly_uses_up_is_not_uneven():
    holdback = Holdback(SLACK)
    for number in range(60):
        holdback.arrived("u1", 0.02, max(0.0, (number - 4) * 0.021))
    assert sent(holdback, "u2", 0.02, 0.02, 30, 10.0) <= SLACK + 0.012


def test_in_a_burst_it_does_not_matter_how_unevenly_pieces_come():
    holdback = Holdback(SLACK)
    for number in range(50):
        holdback.arrived("u1", 0.02, number * 0.004 + 0.05 * (number >= 30))
    assert sent(holdback, "u2", 0.02, 0.004, 50, 10.0) <= 0.02


def test_a_pause_within_an_utterance_teaches_nothing():
    holdback = Holdback(SLACK)
    sent(holdback, "u1", 0.02, 0.02, 10)
    holdback.arrived("u1", 0.02, 3.0)
    assert sent(holdback, "u2", 0.02, 0.02, 30, 10.0) == pytest.approx(SLACK)


def test_no_answer_waits_for_longer_than_300_ms():
    holdback = Holdback(SLACK)
    sent(holdback, "u1", 0.02, 0.02, 10)
    holdback.arrived("u1", 0.02, 0.2 + 0.45)
    assert sent(holdback, "u2", 0.02, 0.02, 30, 10.0) == pytest.approx(0.3)


def test_an_agent_that_has_become_quicker_is_believed():
    holdback = Holdback(SLACK)
    sent(holdback, "u1", 0.02, 0.02, 30)
    for number in range(2, 8):
        sent(holdback, f"u{number}", 0.25, 0.05, 8, number * 10.0)
    assert sent(holdback, "u9", 0.02, 0.018, 30, 100.0) == pytest.approx(0.0)


def test_after_two_holes_within_a_second_300_ms_are_gathered():
    holdback = Holdback(SLACK)
    holdback.arrived("u1", 0.1, 0.0)
    for dry_at in (0.3, 0.9):
        holdback.ran_dry(dry_at)
        holdback.arrived("u1", 0.05, dry_at + 0.1)
    assert holdback.opens_at("u1", 0.05) == pytest.approx(1.6)  # if nothing more comes at all
    assert holdback.opens_at("u1", 0.3) == 0.0
    holdback.arrived("u2", 0.12, 5.0)
    assert holdback.opens_at("u2", 0.12) <= 5.3


def test_two_holes_far_apart_are_no_stutter():
    holdback = Holdback(SLACK)
    holdback.arrived("u1", 0.1, 0.0)
    for dry_at in (0.3, 1.9):
        holdback.ran_dry(dry_at)
        holdback.arrived("u1", 0.05, dry_at + 0.1)
    assert holdback.opens_at("u1", 0.05) <= 2.3


def test_of_several_holes_the_last_two_count():
    holdback = Holdback(SLACK)
    holdback.arrived("u1", 0.1, 0.0)
    for dry_at in (0.3, 1.9, 2.5):
        holdback.ran_dry(dry_at)
        holdback.arrived("u1", 0.05, dry_at + 0.1)
    assert holdback.opens_at("u1", 0.05) == pytest.approx(3.2)
    assert holdback.opens_at("u1", 0.3) == 0.0


def test_what_it_knows_nothing_of_does_not_wait():
    assert Holdback(SLACK).opens_at("fallback", 1.0) == 0.0
