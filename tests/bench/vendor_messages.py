"""What a vendor's side says in the benchmark: the few messages that a call needs, in the vendor's own words."""

import binascii
from time import perf_counter

import msgspec

from tests.bench.load import Agent
from tests.bench.websocket import BINARY

_decode = msgspec.json.Decoder().decode


class VendorAgent(Agent):
    """A vendor's side of a call. It learns which call it has from the prompt, which is nothing but `{{call_sid}}`."""

    def fail(self) -> None:
        """Gone, without a word."""
        if self.transport is not None:
            self.transport.abort()

    def answer(self, status: str, document: object) -> None:
        """Answer a request that wants no upgrade."""
        body = msgspec.json.encode(document)
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}"
        )
        self.transport.write(head.encode() + b"\r\n\r\n" + body)
        self.transport.close()

    def say_one_thing(self) -> None:
        """A quarter of a second."""
        self._event_id += 1
        self.say_words(self._event_id, "Sorry, we were cut off.")
        self.say_sound(self._event_id, last=True)


class OpenAIAgent(VendorAgent):
    def opened(self) -> None:
        self._send_json(type="session.created", session={"id": "sess_bench"})

    def received(self, text: bytes) -> None:
        now, message = perf_counter(), _decode(text)
        if message["type"] == "input_audio_buffer.append":
            self._hear(message["audio"], now)
        elif message["type"] == "session.update":
            self._send_json(type="session.updated", session={})
            self.begin(message["session"]["instructions"])

    def say_words(self, turn: int, words: str) -> None:
        names = {"response_id": f"resp_{turn}", "item_id": f"item_{turn}"}
        self._send_json(type="input_audio_buffer.committed", item_id=f"caller_{turn}")
        self._send_json(type="response.created", response={"id": f"resp_{turn}"})
        self._send_json(type="response.output_audio_transcript.done", transcript=words, **names)

    def say_sound(self, turn: int, *, last: bool) -> None:
        names = {"response_id": f"resp_{turn}", "item_id": f"item_{turn}"}
        self._send_json(type="response.output_audio.delta", delta=self._load.chunk.decode(), **names)
        if last:
            self._send_json(type="response.output_audio.done", **names)
            self._send_json(type="response.done", response={"id": f"resp_{turn}", "status": "completed"})

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="input_audio_buffer.speech_started", item_id=f"caller_{turn}")


class DeepgramAgent(VendorAgent):
    def opened(self) -> None:
        self._send_json(type="Welcome", request_id="request_bench")

    def received(self, text: bytes) -> None:
        message = _decode(text)
        if message["type"] == "Settings":
            self._send_json(type="SettingsApplied")
            self.begin(message["agent"]["think"]["prompt"])

    def received_binary(self, data: bytes) -> None:
        now = perf_counter()
        self._hear(binascii.b2a_base64(data, newline=False).decode(), now)

    def say_words(self, turn: int, words: str) -> None:
        self._send_json(type="ConversationText", role="user", content="Hello?")
        self._send_json(type="ConversationText", role="assistant", content=words)
        self._send_json(type="AgentStartedSpeaking", total_latency=1.0)

    def say_sound(self, turn: int, *, last: bool) -> None:
        self.send(self._load.raw_chunk, BINARY)
        if last:
            self._send_json(type="AgentAudioDone")

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="UserStartedSpeaking")


class GeminiAgent(VendorAgent):
    def received(self, text: bytes) -> None:
        now, message = perf_counter(), _decode(text)
        if "realtimeInput" in message:
            if "audio" in message["realtimeInput"]:
                self._hear(message["realtimeInput"]["audio"]["data"], now)
        elif "setup" in message:
            self._send_json(setupComplete={})
            self.begin(message["setup"]["systemInstruction"]["parts"][0]["text"].partition("\n")[0])

    def say_words(self, turn: int, words: str) -> None:
        self._send_json(serverContent={"inputTranscription": {"text": "Hello?"}})
        self._send_json(serverContent={"outputTranscription": {"text": words}})

    def say_sound(self, turn: int, *, last: bool) -> None:
        sound = {"mimeType": "audio/pcm;rate=24000", "data": self._load.chunk.decode()}
        self._send_json(serverContent={"modelTurn": {"parts": [{"inlineData": sound}]}})
        if last:
            self._send_json(serverContent={"generationComplete": True})
            if not turn % 2:
                self._send_json(serverContent={"turnComplete": True})

    def say_interrupted(self, turn: int) -> None:
        self._send_json(serverContent={"interrupted": True})
        self._send_json(serverContent={"turnComplete": True})


class UltravoxAgent(VendorAgent):
    """A call is created over HTTP and joined at the address that this answers; its id is that of the call."""

    def data_received(self, data: bytes) -> None:
        if self._reader is None and (self._head + data).startswith(b"POST"):
            self._head += data
            self._create()
        else:
            super().data_received(data)

    def _create(self) -> None:
        head, end, body = self._head.partition(b"\r\n\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n"))}
        if not end or len(body) < int(fields[b"content-length"]):
            return
        call_sid = _decode(body)["systemPrompt"]
        self.answer("201 Created", {"callId": call_sid, "joinUrl": f"ws://{fields[b'host'].decode()}/{call_sid}"})

    def upgrade(self, head: bytes) -> bool:
        self._joined = head.split(b" ")[1].decode().lstrip("/")
        return super().upgrade(head)

    def opened(self) -> None:
        self._send_json(type="call_started", callId=self._joined)
        self.begin(self._joined)

    def received_binary(self, data: bytes) -> None:
        now = perf_counter()
        self._hear(binascii.b2a_base64(data, newline=False).decode(), now)

    def say_words(self, turn: int, words: str) -> None:
        told = {"medium": "voice", "final": True}
        self._send_json(type="state", state="thinking")
        self._send_json(type="transcript", role="user", text="Hello?", ordinal=2 * turn, **told)
        self._send_json(type="state", state="speaking")
        self._send_json(type="transcript", role="agent", text=words, ordinal=2 * turn + 1, **told)

    def say_sound(self, turn: int, *, last: bool) -> None:
        self.send(self._load.raw_chunk, BINARY)
        if last:
            self._send_json(type="state", state="listening")

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="playback_clear_buffer")


class SarvamAgent(VendorAgent):
    """Its address is asked for over HTTP first; which call it has, it learns from the agent's variables."""

    def upgrade(self, head: bytes) -> bool:
        if b"/url?" not in head.partition(b"\r\n")[0]:
            return super().upgrade(head)
        host = next(line[6:] for line in head.split(b"\r\n") if line.lower().startswith(b"host: "))
        self.answer("200 OK", {"url": f"ws://{host.decode()}/ws", "reference_id": "reference_bench"})
        return True

    def opened(self) -> None:
        """It speaks when it has been spoken to."""

    def _tell(self, kind: str, **fields: object) -> None:
        self._send_json(type=f"server.{kind}", origin="server", timestamp=0.0, **fields)

    def received(self, text: bytes) -> None:
        now, message = perf_counter(), _decode(text)
        if message["type"] == "client.media.audio_chunk":
            self._hear(message["audio_base64"], now)
        elif message["type"] == "client.action.interaction_start":
            self._tell("action.interaction_connected", reference_id="reference_bench", interaction_id="bench")
            self.begin(message["agent_variables"]["call_sid"])

    def say_words(self, turn: int, words: str) -> None:
        self._tell("event.user_speech_end")
        self._tell("event.transcription", role="user", content="Hello?")
        self._tell("event.transcription", role="bot", content=words)

    def say_sound(self, turn: int, *, last: bool) -> None:
        sound = {"audio_base64": self._load.chunk.decode(), "format": "audio/wav", "sample_rate": 16000}
        self._tell("media.audio_chunk", **sound, status="completed" if last else "pending")

    def say_interrupted(self, turn: int) -> None:
        self._tell("event.user_interrupt")


class ElevenLabsAgent(VendorAgent):
    """As in the main benchmark."""


SAID_BY = {
    "openai": OpenAIAgent,
    "deepgram": DeepgramAgent,
    "gemini": GeminiAgent,
    "ultravox": UltravoxAgent,
    "sarvam": SarvamAgent,
    "elevenlabs": ElevenLabsAgent,
}
"""By the vendor whose messages they are (`codec` of those that speak another's)."""
