"""Says what it hears: the smallest bot there is."""

from relay.agents.bot import Bot


class EchoBot(Bot):
    """Give back every 20 ms as they come."""

    def on_audio(self, pcm: bytes) -> None:
        self.say(pcm)
