"""Parses answers of Exotel's REST API: JSON or XML, according to the Content-Type, not the path (exotel.md 4.1)."""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

Answer = Mapping[str, Any]


def parse(body: bytes, content_type: str) -> Answer:
    """The answer without XML's envelope `TwilioResponse`. Raises ValueError if it is neither JSON nor XML."""
    try:
        if "xml" in content_type or (body.lstrip().startswith(b"<") and "json" not in content_type):
            root = ElementTree.fromstring(body)
            answer = _element(root)
            answer = answer if root.tag == "TwilioResponse" else {root.tag: answer}
        else:
            answer = json.loads(body)
    except (ValueError, ElementTree.ParseError) as error:
        raise ValueError(f"neither JSON nor XML: {error}") from None
    if not isinstance(answer, dict):
        raise ValueError(f"expected an object, got {type(answer).__name__}")
    return answer


def complaint(answer: Answer) -> str:
    """The sentence of an error answer; empty if there is none. Only some have a code (exotel.md 4.6)."""
    error = answer.get("RestException")
    if not isinstance(error, Mapping):
        return ""
    code = f" (code {error['Code']})" if error.get("Code") else ""
    return f"{error.get('Message', '')}{code}".strip()


def section(answer: Answer, *names: str) -> Mapping[str, Any]:
    """The object at a path of names. Raises ValueError if it is missing."""
    found: Any = answer
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError(f"the answer has no {'.'.join(names)}")
    return found


def number(value: object) -> float | None:
    """Numbers come as numbers or strings."""
    try:
        return float(str(value))
    except ValueError:
        return None


def _element(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return (element.text or "").strip()
    tags = [child.tag for child in children]
    if len(tags) > 1 and len(set(tags)) == 1:
        return [_element(child) for child in children]
    return {child.tag: _element(child) for child in children}
