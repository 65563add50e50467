"""`python models.py`: says for messages, one JSON object a line, whether a vendor's own SDK takes them for its own.

Runs in the environment of requirements/contract.txt and imports nothing of ours. A line in is `{"vendor", "side",
"message"}`, `side` being who said it: `client` or `server`; `message` is the parsed JSON. A line out is what is wrong
with it, empty for nothing.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Union, get_args, get_type_hints

from elevenlabs_models import elevenlabs_check, elevenlabs_events
from pydantic import BaseModel, TypeAdapter, ValidationError
from sarvam_models import sarvam_check, sarvam_events
from voice_live_models import voice_live_check, voice_live_events

Check = Callable[[dict[str, Any]], str]

SENT_BESIDES = frozenset({".session.id", ".session.object", ".session.expires_at"})
"""Fields of OpenAI's sessions that its reference shows in the server's events, and that the SDK's models lack."""


def unknown_fields(value: Any, path: str = "") -> Iterator[str]:
    """Fields that the models let pass without knowing them: most SDKs are lenient, this is not."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from unknown_fields(getattr(value, name, None), f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown_fields(item, f"{path}[{number}]")


def by_model(model: Any) -> Check:
    """A message must be valid in `model` and have no field that `model` does not know."""
    adapter = TypeAdapter(model)

    def check(message: dict[str, Any]) -> str:
        try:
            read = adapter.validate_python(message)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems[:5])
        return "; ".join(f"{path} is not known" for path in unknown_fields(read) if path not in SENT_BESIDES)

    return check


def types_of(union: Any) -> dict[str, Any]:
    """The models of a union by the `type` that each stands for."""
    members = get_args(union)
    if members and not isinstance(members[-1], type):  # Annotated[Union[…], how to tell them apart]
        members = get_args(members[0])
    models = [one for one in members if isinstance(one, type) and issubclass(one, BaseModel)]
    return {name: model for model in models for name in get_args(model.model_fields["type"].annotation)}


def by_type(models: dict[str, Any]) -> Check:
    """A message must be valid in the model of its `type`."""
    checks = {name: by_model(model) for name, model in models.items()}

    def check(message: dict[str, Any]) -> str:
        found = checks.get(message.get("type", ""))
        return found(message) if found else f"no message has the type {message.get('type')!r}"

    return check


def openai_types(side: str) -> dict[str, Any]:
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

    return types_of(RealtimeClientEvent if side == "client" else RealtimeServerEvent)


def deepgram_types(side: str) -> dict[str, Any]:
    from deepgram.agent.v1 import socket_client

    if side == "server":
        return types_of(socket_client.V1SocketClientResponse)
    # the SDK has no union of what a client sends, but a method for each, with the model as its argument
    sends = [name for name in vars(socket_client.V1SocketClient) if name.startswith("send_") and name != "send_media"]
    models = [get_type_hints(vars(socket_client.V1SocketClient)[name])["message"] for name in sends]
    return types_of(Union[tuple(models)])  # noqa: UP007 - made of a list


def gemini_model(side: str) -> Any:
    from google.genai import types

    class Setup(types.LiveClientSetup):
        """The SDK writes this field, too (its _live_converters), but its model has no place for it."""

        realtime_input_config: types.RealtimeInputConfig | None = None

    class ClientMessage(types.LiveClientMessage):
        setup: Setup | None = None

    return ClientMessage if side == "client" else types.LiveServerMessage


@cache
def check_for(vendor: str, side: str) -> Check:
    match vendor:
        case "openai":
            return by_type(openai_types(side))
        case "deepgram":
            return by_type(deepgram_types(side))
        case "gemini":
            return by_model(gemini_model(side))
        case "azure_voice_live":
            return voice_live_check(side)
        case "sarvam":
            return sarvam_check(side)
    return elevenlabs_check(side)


def server_events(vendor: str) -> list[str]:
    """Everything that the server may say, as the SDK knows it: types, or for Gemini the fields of a message."""
    match vendor:
        case "openai":
            return sorted(openai_types("server"))
        case "deepgram":
            return sorted(deepgram_types("server"))
        case "gemini":
            from google.genai.types import LiveServerContent, LiveServerMessage

            fields = [field.alias for field in LiveServerMessage.model_fields.values()]
            return sorted([*fields, *(f"serverContent.{one.alias}" for one in LiveServerContent.model_fields.values())])
        case "azure_voice_live":
            return sorted(voice_live_events())
        case "sarvam":
            return sorted(sarvam_events())
    return sorted(elevenlabs_events())


def main() -> None:
    """Answer line by line; a line with `events` asks for the vendor's events."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "message" in asked:
            answer: Any = check_for(asked["vendor"], asked["side"])(asked["message"])
        else:
            answer = server_events(asked["vendor"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
