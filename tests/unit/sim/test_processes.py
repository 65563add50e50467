"""Ports for servers that are yet to start."""

from sim.processes import free_port


def test_a_port_is_given_once():
    """Four were asked for before the first was used, and now and then two of them were the same."""
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == 500
    assert all(10_000 <= port < 32_000 for port in ports)
