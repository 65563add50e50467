"""A bot that follows an AgentScript, so that bots are held to the same tests as vendors' agents."""

import asyncio
from dataclasses import dataclass, field

from relay.agents.bot import Bot
from sim.agent_ear import AgentEar, SpeechBegan, made_out
from sim.agent_script import AgentScript, Reply
from sim.replies import Replies
from sim.sound import AudioFormat
from sim.speech import line
from sim.vendors.record import Turn, VendorRecord
from sim.vendors.sounds import sound, words

FORMAT = AudioFormat("pcm_16000")


@dataclass
class FakeBot:
    """Stands where the other vendors have their fake server."""

    conversations: list[VendorRecord] = field(default_factory=list)


SCRIPTS: dict[str, tuple[AgentScript, FakeBot]] = {}


class BotDiedError(Exception):
    """What a defect in a user's code looks like."""


class ScriptedBot(Bot):
    def on_start(self):
        self.script, fake = SCRIPTS[self.options["script"]]
        self.record = VendorRecord(self.script, asyncio.get_running_loop().time())
        self.record.input_format = self.record.output_format = FORMAT.name
        self.record.history += [str(said) for said in self.call.said_so_far]
        self.record.setup = {"variables": self.call.variables, "overrides": self.call.overrides.given()}
        fake.conversations.append(self.record)
        if self.script.upgrade_status != 101:
            raise BotDiedError("can't begin")
        script = self.script
        self.ear = AgentEar(FORMAT, script.speech_db, script.speech_after_ms, script.quiet_after_ms)
        self.record.received = self.ear.received
        self.replies = Replies(self.script)
        self.failing = False
        self.spawn(self.begin())

    async def begin(self):
        if self.script.metadata_after_s is None:
            return
        await asyncio.sleep(self.script.metadata_after_s)
        self.react("start")

    async def on_audio(self, pcm):
        if self.failing:
            raise BotDiedError("in the middle of a call")
        assert len(pcm) == 640
        for event in self.ear.hear(pcm):
            if isinstance(event, SpeechBegan):
                if self.speaking:
                    self.record.interruptions.append(asyncio.get_running_loop().time())
                    self.clear()
                continue
            name, likeness = made_out(event.pcm, FORMAT.rate_hz, self.script.lines_to_expect())
            text = line(name).text if name else "..."
            self.caller_said(text)
            self.record.turns.append(Turn("user", text, 0.0, line=name, likeness=likeness))
            await asyncio.sleep(self.script.reply_after_ms / 1000)
            self.react(f"heard:{name}" if name else "unclear")

    def on_dtmf(self, key):
        self.record.told.append(key)
        self.give(self.replies.to_keys(key))

    def on_note(self, text, reply):
        self.record.notes.append(text)
        if reply:
            self.react("asked")

    def on_interrupted(self, heard_ms):
        self.record.truncations.append(("", heard_ms))

    def on_stop(self):
        self.record.ended_by, self.record.close_code = "client", 1000

    def react(self, trigger):
        self.give(self.replies.to(trigger))

    def give(self, reply: Reply | None):
        if reply is None:
            return
        if reply.fault:
            asyncio.get_running_loop().call_later(reply.fault.after_s, setattr, self, "failing", True)
        for name in reply.say:
            self.say(sound(name, FORMAT.rate_hz).tobytes(), words(name))
        if reply.say:
            self.record.turns.append(Turn("agent", " ".join(map(words, reply.say)), 0.0))
        if reply.tool:
            self.spawn(self.use(reply.tool))
        if reply.end_call:
            self.hang_up()

    async def use(self, tool):
        call = self.transfer if tool.name == "transfer_to_human" else self.ambience
        arranged = await call(**tool.parameters)
        self.record.tool_results.append((tool.name, "done" if arranged else "error"))
