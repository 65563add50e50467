"""Sarvam's SDK: pydantic models of both sides, lenient about fields, and types of the server's that have no model."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from sarvam_conv_ai_sdk import messages
from sarvam_conv_ai_sdk.messages import events
from sarvam_conv_ai_sdk.messages.types import ServerMsgType


def _by_type(base: type[BaseModel], *places: Any) -> dict[str, type[BaseModel]]:
    found = {one for place in places for one in vars(place).values() if isinstance(one, type) and issubclass(one, base)}
    defaults = {str(one.model_fields["type"].default): one for one in found}
    return {name: one for name, one in defaults.items() if "." in name}


MODELS = {
    "client": _by_type(messages.ClientMsgBase, messages),
    "server": _by_type(messages.ServerMsgBase, messages, events),
}


def sarvam_events() -> set[str]:
    """The types of what the server says, with a model or without."""
    return {str(one) for one in ServerMsgType}


def sarvam_check(side: str) -> Callable[[dict[str, Any]], str]:
    """A message must be valid in the model of its type and have no field that this does not know."""

    def check(message: dict[str, Any]) -> str:
        model = MODELS[side].get(message.get("type", ""))
        if model is None:
            return f"no message has the type {message.get('type')!r}"
        try:
            model.model_validate(message)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems[:5])
        return "; ".join(f"{name} is not known" for name in message if name not in model.model_fields)

    return check
