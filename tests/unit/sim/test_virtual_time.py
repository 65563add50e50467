import asyncio

from sim import virtual_time


def test_a_waiter_woken_early_does_not_wait_forever():
    """Twenty calls stood still at 0.2 s: a timer fired half a nanosecond early, the pacer saw its frame was not due
    and waited again, and the clock, which moves only when nothing is to be done, stood."""

    async def waits_until_due() -> int:
        loop = asyncio.get_running_loop()
        due = 0.2 + 5e-10
        await asyncio.sleep(0.2)
        waits = 0
        while loop.time() < due and waits < 100:
            waits += 1
            waiter = loop.create_future()
            loop.call_at(due, waiter.set_result, None)
            await waiter
        return waits

    assert virtual_time.run(waits_until_due()) <= 1
