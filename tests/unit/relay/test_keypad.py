"""Keys that belong together reach the agent as one message."""

import asyncio

from relay.agents.keypad import MAX_KEYS, PAUSE, Keypad
from sim import virtual_time


def entries(*presses: tuple[float, str]) -> list[tuple[float, str]]:
    """What is delivered when, of keys pressed at these times."""

    async def scenario():
        loop, delivered = asyncio.get_running_loop(), []
        keypad = Keypad(lambda keys: delivered.append((round(loop.time(), 6), keys)))
        for at, key in presses:
            await asyncio.sleep(at - loop.time())
            if key == "stop":
                keypad.stop()
            else:
                keypad.press(key)
        await asyncio.sleep(60)
        return delivered

    return virtual_time.run(scenario())


def test_an_entry_ends_with_a_pause():
    assert entries((1, "1"), (2, "2"), (3, "3")) == [(3 + PAUSE, "123")]


def test_an_entry_ends_with_the_hash_key_at_once():
    assert entries((1, "4"), (1.1, "2"), (1.2, "#")) == [(1.2, "42#")]
    assert entries((1, "#")) == [(1, "#")]


def test_keys_after_the_end_of_an_entry_begin_another():
    assert entries((1, "1"), (1.1, "#"), (1.2, "2"), (5, "*")) == [(1.1, "1#"), (1.2 + PAUSE, "2"), (5 + PAUSE, "*")]


def test_each_key_restarts_the_pause():
    presses = [(1 + n * (PAUSE - 0.01), "7") for n in range(10)]
    assert entries(*presses) == [(round(presses[-1][0] + PAUSE, 6), "7" * 10)]


def test_an_entry_does_not_grow_without_end():
    delivered = entries(*[(1 + n / 10, "1") for n in range(MAX_KEYS + 3)])
    assert [keys for _, keys in delivered] == ["1" * MAX_KEYS, "111"]


def test_a_call_that_is_over_delivers_nothing():
    assert entries((1, "1"), (2, "stop")) == []
    assert entries((1, "stop")) == []
