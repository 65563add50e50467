"""The caller's bad network: late by whole frames, lossy by whole frames."""

from random import Random

import numpy as np

from console.softphone.network import NetworkLeg


def frames(count):
    return [np.full(160, number + 1, np.int16) for number in range(count)]


def arrived(leg, sent):
    return [None if frame is None else int(frame[0]) for frame in map(leg.carry, sent)]


def test_without_delay_and_loss_every_frame_arrives_at_once():
    leg = NetworkLeg(20.0, Random(1))
    assert arrived(leg, frames(4)) == [1, 2, 3, 4]


def test_a_delay_begins_with_silence_and_loses_nothing():
    leg = NetworkLeg(20.0, Random(1))
    leg.set(60, 0.0)
    assert arrived(leg, frames(6)) == [None, None, None, 1, 2, 3]


def test_a_delay_taken_back_drops_what_is_late_and_is_gone_at_once():
    leg = NetworkLeg(20.0, Random(1))
    leg.set(60, 0.0)
    arrived(leg, frames(6))
    leg.set(0, 0.0)
    assert arrived(leg, frames(2)) == [1, 2]


def test_loss_is_as_frequent_as_asked_for_and_counted():
    leg = NetworkLeg(20.0, Random(7))
    leg.set(0, 0.2)
    outcome = arrived(leg, frames(1000))
    assert outcome.count(None) == leg.lost
    assert 150 < leg.lost < 250
