"""Who speaks, as the softphone sees it: a call drawn in levels, frame by frame."""

import numpy as np

from console.softphone.talk import BargeIn, FirstAudio, Talk

FRAME_MS = 20
LOUD = (np.sin(np.arange(160) / 3) * 6000).astype(np.int16)
QUIET = np.zeros(160, np.int16)


def play(talk, length_ms, caller, agent, clear_at=None):
    """What `talk` found, when `caller` and `agent` spoke in these (from, until) spans of milliseconds."""
    found = []
    for at_ms in range(0, length_ms, FRAME_MS):
        if clear_at is not None and at_ms <= clear_at < at_ms + FRAME_MS:
            talk.cleared(clear_at)
        said, heard = ((LOUD if any(a <= at_ms < b for a, b in spans) else QUIET) for spans in (caller, agent))
        found += talk.hear(at_ms + FRAME_MS, said, heard)
    return found


def test_first_audio_is_when_the_agent_began_not_when_it_was_noticed():
    assert play(Talk(FRAME_MS), 2000, [], [(500, 1500)]) == [FirstAudio(500)]


def test_a_click_is_not_the_agent_speaking():
    assert play(Talk(FRAME_MS), 2000, [], [(500, 540)]) == []


def test_barge_in_reports_when_the_agent_was_stopped_and_how_long_it_sounded_on():
    found = play(Talk(FRAME_MS), 6000, [(2000, 4000)], [(500, 2400)], clear_at=2350)
    assert found == [FirstAudio(500), BargeIn(2000, 400, 350)]


def test_an_agent_that_finishes_by_itself_was_not_stopped():
    found = play(Talk(FRAME_MS), 6000, [(2000, 2500)], [(500, 3000)])
    assert found[1:] == [BargeIn(2000, 1000, None)]


def test_a_caller_who_waits_for_the_end_does_not_barge_in():
    assert play(Talk(FRAME_MS), 6000, [(3000, 4000)], [(500, 2400)]) == [FirstAudio(500)]


def test_a_clear_while_nobody_cut_in_belongs_to_no_barge_in():
    talk = Talk(FRAME_MS)
    play(talk, 1000, [], [(200, 800)], clear_at=500)
    found = play(talk, 2000, [(300, 800)], [(200, 900)])
    assert [event.clear_ms for event in found if isinstance(event, BargeIn)] == [None]
