"""Which texts of an event or of a conversation's result are redacted: those that people and models wrote or said.

Ids, times, names of targets and both sides' numbers stay: they are needed to find records and to dial.
"""

from collections.abc import Mapping
from typing import Any, Final

from common.documents import Document, objects, text
from functions.common.redaction.rules import Rules, redact

_DEEPEST: Final = 40
_BEFORE: Final = 200
"""Characters of the turn before that may say what a turn's digits are."""


def redacted_event(event: Mapping[str, Any], rules: Rules) -> Document:
    """A relay event (docs/contracts.md) without what `rules` find in turns, tools, commands, transfer and details."""
    kept = dict(event)
    if not rules:
        return kept
    if "turns" in kept:
        kept["turns"] = _turns(kept, rules)
    for name in ("tools", "commands"):
        if isinstance(uses := kept.get(name), list):
            kept[name] = [
                {**use, **{what: _deep(use[what], rules) for what in ("arguments", "detail") if what in use}}
                if isinstance(use, dict)
                else use
                for use in uses
            ]
    if isinstance(state := kept.get("state"), dict):
        kept["state"] = redacted_event(state, rules)
    if isinstance(transfer := kept.get("transfer"), dict):
        kept["transfer"] = _details(transfer, rules, "reason", "summary")
    if isinstance(agents := kept.get("agents"), list):
        kept["agents"] = [_details(one, rules, "end_detail") if isinstance(one, dict) else one for one in agents]
    if isinstance(lookup := kept.get("lookup"), dict):
        kept["lookup"] = _details(lookup, rules, "problem")
    if isinstance(tags := kept.get("tags"), list):
        kept["tags"] = [redact(tag, rules) if isinstance(tag, str) else tag for tag in tags]
    return _details(kept, rules, "end_detail")


def redacted_result(result: Mapping[str, Any], rules: Rules) -> Document:
    """The vendor's account of a conversation (functions.webhook.conversation) without what `rules` find."""
    kept = dict(result)
    if not rules:
        return kept
    kept["turns"] = _turns(kept, rules)
    kept["analysis"] = _deep(kept.get("analysis"), rules)
    if isinstance(transfer := kept.get("transfer"), dict):
        kept["transfer"] = _details(transfer, rules, "asked", "refusal", "reason", "summary")
    return _details(kept, rules, "end_detail")


def _turns(document: Document, rules: Rules) -> list[Document]:
    """Each turn is read with what was said before it: an agent asks for the OTP, and the caller's answer is only
    digits.
    """
    turns, before = [], ""
    for turn in objects(document, "turns"):
        said = text(turn, "text")
        turns.append({**turn, "text": redact(said, rules, before)})
        before = said[-_BEFORE:] if len(said) > _BEFORE else f"{before[len(said) - _BEFORE :]} {said}"[-_BEFORE:]
    return turns


def _details(document: Document, rules: Rules, *names: str) -> Document:
    return {
        name: redact(value, rules) if name in names and isinstance(value, str) else value
        for name, value in document.items()
    }


def _deep(value: Any, rules: Rules, path: tuple[str, ...] = ()) -> Any:
    """Redact `value` at any depth. `path`: the names on the way to it, which can say what it is: `otp`, `value`."""
    if isinstance(value, str):
        return redact(value, rules, " ".join(path[-2:]).replace("_", " "))
    if isinstance(value, int) and not isinstance(value, bool) and path[-1:] == ("value",):
        said = str(value)
        redacted = redact(said, rules, path[-2].replace("_", " ") if len(path) > 1 else "")
        return value if redacted == said else redacted
    if len(path) > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {key: _deep(item, rules, (*path, str(key)[:_BEFORE])) for key, item in value.items()}
    if isinstance(value, list):
        return [_deep(item, rules, (*path, "")) for item in value]
    return value
