"""Says what it hears: the smallest bot there is."""

from relay.agents.bot import Bot

BYTES_PER_MS = 32  # 16 kHz, two bytes a sample


class EchoBot(Bot):
    """Give back every 20 ms as they come, a little later: sound that is made in real time needs a cushion."""

    def on_start(self) -> None:
        self.say(bytes(200 * BYTES_PER_MS))

    def on_audio(self, pcm: bytes) -> None:
        self.say(pcm)
