"""`python talk_elevenlabs.py URL`: a conversation by ElevenLabs' own client, as talk_openai.py is one by OpenAI's."""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from elevenlabs import ElevenLabs
from elevenlabs.conversational_ai.conversation import AudioInterface, ClientTools, Conversation

RATE_HZ = 16000


class Caller(AudioInterface):
    """Speaks in real time, from the very beginning, as a microphone does; counts what it hears."""

    def __init__(self, sound: bytes) -> None:
        self.heard = 0
        self.interruptions = 0
        self._sound = sound
        self._over = threading.Event()

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        threading.Thread(target=self._speak, args=(input_callback,), daemon=True).start()

    def _speak(self, say: Callable[[bytes], None]) -> None:
        chunk, began, said = RATE_HZ * 2 // 10, time.monotonic(), 0
        while not self._over.is_set():
            say(self._sound[said * chunk : (said + 1) * chunk].ljust(chunk, b"\0"))
            said += 1
            self._over.wait(max(0.0, began + said / 10 - time.monotonic()))

    def stop(self) -> None:
        self._over.set()

    def output(self, audio: bytes) -> None:
        self.heard += len(audio)

    def interrupt(self) -> None:
        self.interruptions += 1


def main(url: str, sound: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"texts": [], "tools": [], "caller": ""}
    caller, tools, over = Caller(sound), ClientTools(), threading.Event()

    def look_up(parameters: dict[str, Any]) -> str:
        found["tools"].append(["look_up", json.dumps({"word": parameters["word"]})])
        return "found"

    tools.register("look_up", look_up)
    conversation = Conversation(
        ElevenLabs(api_key="key_of_nobody", base_url=url),
        "agent_1",
        requires_auth=True,
        audio_interface=caller,
        client_tools=tools,
        callback_agent_response=found["texts"].append,
        callback_user_transcript=lambda text: found.update(caller=text),
        callback_disconnect=lambda details: (found.update(ended=details.reason), over.set()),
    )
    conversation.start_session()
    over.wait(30)
    conversation.end_session()
    conversation.wait_for_session_end()
    return {**found, "audio": caller.heard}


print(json.dumps(main(sys.argv[1], sys.stdin.buffer.read())))
