"""Messages on the way to whichever agent has the call."""

import asyncio

from relay.agents.seam import MAX_NOTE
from relay.call.outbox import MAX_WAITING, Outbox
from relay.logs import CallLog
from tests.support.virtual import virtual


def keep(sent: list, name: str):
    """A message that notes to whom it went."""

    async def send(session) -> None:
        sent.append((name, session))

    return send


async def deliver(outbox: Outbox, session: str) -> None:
    """Let `session` take what there is for it."""
    outbox.attach(session, asyncio.create_task)
    await asyncio.sleep(0.01)
    outbox.detach()


@virtual
async def test_what_is_for_one_agent_reaches_no_other():
    """A tool's answer that waits behind a key when its agent dies would name a call that the next agent never made."""
    outbox, sent = Outbox(CallLog("c", "s")), []
    outbox.post(keep(sent, "key"))
    outbox.post(keep(sent, "answer"), session="first")
    outbox.post(keep(sent, "another key"))
    await deliver(outbox, "second")
    assert sent == [("key", "second"), ("another key", "second")]
    await deliver(outbox, "first")
    assert len(sent) == 2


@virtual
async def test_what_comes_while_an_agent_takes_messages_is_sent_at_once():
    outbox, sent = Outbox(CallLog("c", "s")), []
    outbox.attach("first", asyncio.create_task)
    for key in ("key", "another key"):
        await asyncio.sleep(1)
        outbox.post(keep(sent, key))
        await asyncio.sleep(0.01)
    assert sent == [("key", "first"), ("another key", "first")]


@virtual
async def test_one_message_is_sent_after_another_in_one_task():
    outbox, tasks, running, most = Outbox(CallLog("c", "s")), [], [], []

    async def send(session) -> None:
        running.append(session)
        most.append(len(running))
        await asyncio.sleep(0.1)
        running.pop()

    def spawn(work) -> None:
        tasks.append(asyncio.create_task(work))

    outbox.attach("first", spawn)
    assert not tasks, "a task that waits takes a kilobyte of each call"
    for _ in range(3):
        outbox.post(send)
    await asyncio.sleep(1)
    assert (len(tasks), most) == (1, [1, 1, 1])


@virtual
async def test_what_comes_while_there_is_no_agent_waits_for_the_next():
    outbox, sent = Outbox(CallLog("c", "s")), []
    outbox.attach("first", asyncio.create_task)
    outbox.detach()
    outbox.post(keep(sent, "key"))
    await asyncio.sleep(1)
    assert not sent
    await deliver(outbox, "second")
    assert sent == [("key", "second")]


@virtual
async def test_a_task_that_was_cancelled_before_it_began_leaves_its_message_for_the_next_agent():
    outbox, sent, tasks = Outbox(CallLog("c", "s")), [], []
    outbox.attach("first", lambda work: tasks.append(asyncio.create_task(work)))
    outbox.post(keep(sent, "key"))
    tasks[0].cancel()
    outbox.detach()
    await deliver(outbox, "second")
    assert sent == [("key", "second")]


@virtual
async def test_too_many_messages_cost_the_oldest_and_one_line_in_the_log(caplog):
    outbox, sent = Outbox(CallLog("c", "s")), []
    for number in range(MAX_WAITING + 10):
        outbox.post(keep(sent, str(number)))
    await deliver(outbox, "first")
    assert [name for name, _ in sent] == [str(number) for number in range(10, MAX_WAITING + 10)]
    assert [getattr(line, "event", "") for line in caplog.records] == ["agent_messages_dropped"]


@virtual
async def test_a_message_that_fails_stays_for_the_next_agent():
    outbox, sent, tasks = Outbox(CallLog("c", "s")), [], []

    async def fails_for_the_first(session) -> None:
        if session == "first":
            raise ConnectionError
        sent.append(session)

    outbox.post(fails_for_the_first)
    outbox.post(keep(sent, "key"))
    outbox.attach("first", lambda work: tasks.append(asyncio.create_task(work)))
    outbox.post(keep(sent, "another key"))
    await asyncio.wait(tasks)
    assert isinstance(tasks[0].exception(), ConnectionError)
    outbox.post(keep(sent, "a third"))
    assert len(tasks) == 1, "a broken agent gets nothing more"
    outbox.detach()
    await deliver(outbox, "second")
    assert sent == ["second", *((key, "second") for key in ("key", "another key", "a third"))]


class Listener:
    """An agent that takes notes, or none."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.notes: list[tuple[str, bool]] = []

    async def note(self, text: str, *, reply: bool = False) -> bool:
        self.notes.append((text, reply))
        return self.takes


@virtual
async def test_a_note_waits_for_an_agent_that_is_ready():
    outbox, agent = Outbox(CallLog("c", "s")), Listener()
    told = outbox.note("a minute is left")
    asked = outbox.note("ask", reply=True)
    await asyncio.sleep(1)
    assert not told.done()
    await deliver(outbox, agent)
    assert agent.notes == [("a minute is left", False), ("ask", True)]
    assert await told
    assert await asked


@virtual
async def test_an_agent_that_takes_no_notes_is_named_in_the_log_once(caplog):
    outbox, agent = Outbox(CallLog("c", "s")), Listener(takes=False)
    told = [outbox.note("x" * 10_000), outbox.note("y")]
    await deliver(outbox, agent)
    assert [await one for one in told] == [False, False]
    assert len(agent.notes[0][0]) == MAX_NOTE
    assert [getattr(line, "event", "") for line in caplog.records] == ["agent_takes_no_notes"]


@virtual
async def test_a_note_is_delivered_even_if_nobody_waits_for_it():
    outbox, agent = Outbox(CallLog("c", "s")), Listener()
    outbox.note("a minute is left").cancel()
    await deliver(outbox, agent)
    assert agent.notes == [("a minute is left", False)]
