"""When the next frame is sent and what it holds, at moments that whole calls meet too seldom."""

import pytest

from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.line_clock import LineClock
from relay.audio.playout import Playout, Span
from relay.events.records import Quality
from relay.line.framing import Framing
from relay.line.heard import Heard
from relay.line.lead import Lead
from relay.line.schedule import Schedule
from tests.unit.relay.tone import noise

RATE = 8000
UNIT, FRAME = 160, 480
LEAD_S = 0.1
SLACK_S = 0.055  # for how long the first words of an agent that nothing is known of are held back


def scheduled(*, ambience: bool = True, **options) -> tuple[Schedule, Playout, LineClock]:
    """A line with frames of 60 ms in steps of 20; it runs dry at 1 s."""
    framing = Framing(RATE, FRAME, UNIT, LEAD_S)
    track = AmbienceTrack(Loop(noise(RATE, seed=9), RATE), 0.5) if ambience else None
    playout, clock = Playout(track), LineClock(RATE, dry_at=1.0)
    heard = Heard(clock, Quality(), lambda *_: None)
    return Schedule(framing, playout, clock, Lead(framing.frame_s, fixed_s=LEAD_S), heard, **options), playout, clock


def speak(schedule: Schedule, playout: Playout, at: float, samples: int = UNIT) -> None:
    playout.say("u", noise(samples, seed=1).tobytes())
    schedule.said("u", samples, at)


@pytest.mark.parametrize(
    ("came_at", "units"),
    [
        (0.9651, 2),  # may be heard at 1.0201, 20.1 ms after the line runs dry: two steps
        (0.964, 1),  # 19 ms after
        (0.946, 1),  # 1 ms after
        (0.94503, 1),  # 0.03 ms after, less than a sample: one step is the least
        (0.99, 3),  # 45 ms after
        (1.2, 3),  # 255 ms after: no more than a whole frame
    ],
)
def test_ambience_is_sent_up_to_the_moment_at_which_held_speech_may_be_heard(came_at, units):
    """A whole frame would make the first word up to 60 ms later than it has to be."""
    schedule, playout, _ = scheduled()
    speak(schedule, playout, came_at)
    step = schedule.next(0.95)
    assert (step.count, step.held) == (units * UNIT, "u")
    assert step.due == pytest.approx(1.0 - (LEAD_S - FRAME / RATE))


def test_speech_that_may_be_heard_is_not_held():
    schedule, playout, _ = scheduled()
    speak(schedule, playout, 0.94, FRAME + 100)
    step = schedule.next(0.95)
    assert (step.count, step.held) == (FRAME, "")


def test_ambience_alone_is_sent_in_whole_frames():
    schedule, _, _ = scheduled()
    step = schedule.next(0.95)
    assert (step.count, step.held) == (FRAME, "")


def test_a_line_that_is_dry_waits_for_speech_from_now_on():
    """The wait is counted from now, not from when the line ran dry long ago."""
    schedule, playout, _ = scheduled()
    speak(schedule, playout, 9.0)
    assert schedule.next(9.045).count == UNIT


def test_without_ambience_held_speech_is_looked_at_again_when_its_time_comes():
    schedule, playout, _ = scheduled(ambience=False)
    assert schedule.next(0.9) is None
    speak(schedule, playout, 0.99)
    step = schedule.next(0.99)
    assert (step.due, step.count) == (pytest.approx(0.99 + SLACK_S), 0)


def test_a_full_frame_of_a_late_line_is_sent_earlier_by_what_it_holds_too_much():
    schedule, playout, _ = scheduled()
    schedule.ahead_s = 0.2
    speak(schedule, playout, 0.5, FRAME + 100)
    step = schedule.next(0.9)
    assert step.due == pytest.approx(1.0 - 0.04 - 0.2)
    schedule.take(step, 0.9)
    assert schedule.ahead_s == 0.2
    playout.flush()
    schedule.take(schedule.next(0.9), 0.9)
    assert schedule.ahead_s == 0.0, "ambience has been sent again: the line holds what it should"


def test_so_is_one_of_speech_that_has_begun_whatever_comes_after_it():
    schedule, playout, _ = scheduled()
    speak(schedule, playout, 0.5, 3 * FRAME)
    schedule.take(schedule.next(0.5), 0.5)
    playout.say("v", noise(UNIT, seed=2).tobytes())
    schedule.said("v", UNIT, 0.9)
    schedule.ahead_s = 0.2
    step = schedule.next(0.9)
    assert (step.due, step.count) == (pytest.approx(1.0 - 0.04 - 0.2), FRAME)
    assert schedule.take(step, 0.9).spans == (Span("u", 0, FRAME),)


@pytest.mark.parametrize("speaks", [False, True])
def test_ambience_that_was_sent_again_is_not_withheld_any_more(speaks):
    """Whether the echo it waited for came, or was given up: an echo after that says nothing of the ambience."""
    schedule, playout, _ = scheduled()
    heard = schedule._heard
    for now in (0.0, 1.0):  # a line that echoes marks, but not this one
        heard.probe(now)
        heard.echoed("probe-1", 0.1)
    assert schedule.next(3.0).count == 0, "it is overdue"
    assert schedule._withheld_since == 3.0
    if speaks:
        speak(schedule, playout, 3.09)
    heard.give_up((), 3.1, lost=False)
    step = schedule.next(3.1)
    assert step.count
    assert step.held == ("u" if speaks else "")
    assert not schedule.waited(4.0)


def test_a_part_of_a_frame_waits_until_the_line_is_about_to_run_dry_and_goes_in_whole_steps():
    schedule, playout, _ = scheduled()
    speak(schedule, playout, 0.0, 2 * UNIT + 100)  # 5 ms of it are kept
    step = schedule.next(0.9)
    assert (step.due, step.count, step.tear) == (pytest.approx(1.0 - 0.03), 2 * UNIT, False)


def test_less_than_a_step_is_torn():
    schedule, playout, _ = scheduled()
    speak(schedule, playout, 0.0, 100)
    step = schedule.next(0.9)
    assert (step.count, step.tear) == (UNIT, True)


@pytest.mark.parametrize(("stood_still_s", "withheld"), [(0.0, True), (0.2, True), (0.3, False)])
def test_nothing_is_withheld_for_an_echo_that_may_wait_to_be_read(stood_still_s, withheld):
    """A core that was full for half a second made holes in the ambience of all calls."""
    schedule, _, _ = scheduled(stood_still=lambda now: stood_still_s)
    heard = schedule._heard
    heard.probe(0.5)
    heard.echoed("probe-1", 1.0)
    heard.probe(2.0)  # 2.0 is when its echo is due
    assert (schedule.next(2.5).count == 0) == withheld
