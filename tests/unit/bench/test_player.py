import pytest

from tests.bench.player import Player


def test_frames_in_time_are_heard_one_after_the_other():
    player = Player()
    assert player.play(0.1, 5.0) == (5.0, 0.0)
    assert player.play(0.1, 5.05) == (pytest.approx(5.1), 0.0)


def test_a_late_frame_is_a_hole_of_its_lateness():
    player = Player()
    player.play(0.1, 5.0)
    assert player.play(0.1, 5.13) == (5.13, pytest.approx(0.03))
    assert player.dry_at == pytest.approx(5.23)


def test_clear_drops_what_has_not_begun_and_lets_the_playing_frame_finish():
    player = Player()
    for now in (5.0, 5.01, 5.02):
        player.play(0.1, now)
    player.clear(5.15)
    assert player.dry_at == pytest.approx(5.2)


def test_clear_of_a_player_that_got_nothing_changes_nothing():
    player = Player()
    player.clear(5.0)
    assert player.play(0.1, 6.0) == (6.0, 0.0)
