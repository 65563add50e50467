"""A wrapper's own tools: methods that the wrapped model may call, described by their signature."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from relay.agents.seam import FunctionTool

_MARK: Final = "_tool"
_Method = TypeVar("_Method", bound=Callable[..., Awaitable[str]])


@dataclass(frozen=True, slots=True)
class _Marked:
    description: str
    irreversible: bool


def tool(description: str, *, irreversible: bool = False) -> Callable[[_Method], _Method]:
    """Offer an async method to the model, under the method's name. It returns text for the model.

    Its parameters need annotations: they become the JSON schema for the model, and the model's arguments are checked
    against them. `Annotated[str, msgspec.Meta(description="…")]` describes one. `irreversible`: run only once the
    agent's turn is final, for actions that must not happen in a turn that the caller interrupts. The text of a
    ValueError is sent to the model, any other exception as a failure; the call goes on.
    """

    def mark(method: _Method) -> _Method:
        setattr(method, _MARK, _Marked(description, irreversible))
        return method

    return mark


def marked(kind: type) -> dict[str, Callable[..., Awaitable[str]]]:
    """The methods of a class that are tools, by name."""
    return {name: member for name, member in inspect.getmembers(kind, inspect.isfunction) if hasattr(member, _MARK)}


def tools_of(owner: object) -> Iterator[FunctionTool]:
    """The tools of an object, bound to it. Raises TypeError for a method without usable annotations."""
    for name, method in marked(type(owner)).items():
        mark: _Marked = getattr(method, _MARK)
        struct = _struct(name, method)
        yield FunctionTool(
            name=name,
            description=mark.description,
            parameters=_schema(struct),
            run=_runs(struct, getattr(owner, name)),
            irreversible=mark.irreversible,
        )


def check(kind: type) -> None:
    """Raises TypeError for a tool without usable annotations."""
    for name, method in marked(kind).items():
        _schema(_struct(name, method))


def _struct(name: str, method: Callable[..., Awaitable[str]]) -> type[msgspec.Struct]:
    if not inspect.iscoroutinefunction(method):
        raise TypeError(f"{name} to be an async method")
    hints = get_type_hints(method, include_extras=True)
    fields: list[Any] = []
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.name not in hints or parameter.kind not in {
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        }:
            raise TypeError(f"{name}'s parameter {parameter.name} to have an annotation")
        field = (parameter.name, hints[parameter.name])
        fields.append(field if parameter.default is parameter.empty else (*field, parameter.default))
    return msgspec.defstruct(name, fields, kw_only=True)


def _schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    (found,), others = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    own = others.pop(struct.__name__)
    schema = {"type": "object", "properties": own["properties"], "required": own["required"]}
    assert "$ref" in found, "a struct is always described by a reference"
    return {**schema, "$defs": others} if others else schema


def _runs(
    struct: type[msgspec.Struct], method: Callable[..., Awaitable[str]]
) -> Callable[[Mapping[str, Any]], Awaitable[str]]:
    async def run(parameters: Mapping[str, Any]) -> str:
        try:
            given = msgspec.convert(dict(parameters), struct, strict=False)  # models write numbers as text
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        return await method(**{name: getattr(given, name) for name in struct.__struct_fields__})

    return run
