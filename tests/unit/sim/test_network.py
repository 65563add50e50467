"""The networks that lines are tried on: late, in order, and the same each time."""

import pytest

from sim.network import Network

EVERY_40_MS = [number * 0.04 for number in range(2000)]


def delays(network: Network, seed: int = 1) -> list[float]:
    path = network.path(seed)
    return [path.arrival(at) - at for at in EVERY_40_MS]


@pytest.mark.parametrize(
    "network",
    [Network(), Network(0.02, jitter_s=0.03), Network(burst_s=0.2), Network(stalls=((10.0, 2.0),), jitter_s=0.01)],
)
def test_nothing_is_early_or_overtakes(network):
    path = network.path(1)
    arrivals = [path.arrival(at) for at in EVERY_40_MS]
    assert arrivals == sorted(arrivals)
    assert all(there >= at + network.latency_s for at, there in zip(EVERY_40_MS, arrivals, strict=True))


def test_the_same_seed_makes_the_same_network():
    network = Network(jitter_s=0.02, burst_s=0.1)
    assert delays(network, 1) == delays(network, 1) != delays(network, 2)


def test_a_good_network_is_as_late_as_its_latency():
    assert delays(Network(0.03)) == pytest.approx([0.03] * 2000)


def test_jitter_is_bounded():
    late = delays(Network(jitter_s=0.01))
    assert 0.03 < max(late) <= 0.08  # a late one holds up the next
    assert sorted(late)[1000] < 0.015


def test_bursts_come_and_go():
    late = delays(Network(burst_s=0.1, burst_every_s=5.0, burst_length_s=0.4))
    touched = [delay > 0 for delay in late]
    begins = sum(now and not before for before, now in zip(touched, touched[1:], strict=False))
    assert 5 <= begins <= 40
    assert 0.02 < sum(touched) / len(touched) < 0.25
    assert 0.05 < max(late) <= 0.1


def test_after_a_stall_all_arrives_at_once():
    path = Network(stalls=((10.0, 2.0),)).path(1)
    arrivals = [path.arrival(at) for at in EVERY_40_MS]
    assert arrivals.count(12.0) >= 50
    assert arrivals[-1] == EVERY_40_MS[-1]
