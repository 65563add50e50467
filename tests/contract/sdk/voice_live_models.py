"""Azure's SDK for Voice Live reads whatever comes: its models say by their annotations what a message must be."""

from collections.abc import Callable
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from azure.ai.voicelive import _unions, models
from azure.ai.voicelive._utils.model_base import Model

NAMES = {"_models": models, "_unions": _unions}
"""By which the SDK's annotations call what they mean."""
PLAIN = {str: str, int: int, float: (int, float), bool: bool, bytes: str}


def voice_live_events() -> set[str]:
    """The types of what the server says."""
    return set(models.ServerEvent.__mapping__)


def voice_live_check(side: str) -> Callable[[dict[str, Any]], str]:
    """Whether a message fits the model of its type."""
    base = models.ClientEvent if side == "client" else models.ServerEvent

    def check(message: dict[str, Any]) -> str:
        if message.get("type") not in base.__mapping__:
            return f"no message has the type {message.get('type')!r}"
        return "; ".join(problems(message, base, ""))

    return check


@cache
def fields(kind: type[Model]) -> dict[str, Any]:
    """Of a model, with what each may be."""
    return {name: hint for name, hint in get_type_hints(kind, localns=NAMES).items() if not name.startswith("_")}


def problems(value: Any, kind: Any, path: str) -> list[str]:
    """What is wrong with `value` as a `kind`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return []
    if origin in (Union, UnionType):
        found = [problems(value, one, path) for one in arguments]
        return [] if [] in found else min(found, key=len)
    if origin is Literal:
        allowed = [one.value if isinstance(one, Enum) else one for one in arguments]
        return [] if value in allowed else [f"{path}: {value!r} is not of {allowed}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path} is {type(value).__name__}"]
        return [one for n, item in enumerate(value) for one in problems(item, arguments[0], f"{path}[{n}]")]
    if origin is dict:
        return [] if isinstance(value, dict) else [f"{path} is {type(value).__name__}"]
    if kind in (None, NoneType):
        return [] if value is None else [f"{path} is not null"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [] if value in [one.value for one in kind] else [f"{path}: {value!r} is not known"]
    if isinstance(kind, type) and issubclass(kind, Model):
        return model_problems(value, kind, path)
    fits = isinstance(value, PLAIN[kind]) and (kind is bool or not isinstance(value, bool))
    return [] if fits else [f"{path} is {type(value).__name__}"]


def model_problems(value: Any, kind: type[Model], path: str) -> list[str]:
    """The same for a model, or for the one of its kinds that the message names."""
    if not isinstance(value, dict):
        return [f"{path} is {type(value).__name__}"]
    while (mapping := getattr(kind, "__mapping__", None)) and (
        narrower := next((mapping[value[key]] for key in ("type", "role") if value.get(key) in mapping), None)
    ):
        if narrower is kind:
            break
        kind = narrower
    known = fields(kind)
    found = [f"{path}.{name} is not known" for name in value if name not in known]
    for name, hint in known.items():
        if name in value:
            found += problems(value[name], hint, f"{path}.{name}")
        elif NoneType not in get_args(hint):
            found.append(f"{path}.{name} is missing")
    return found
