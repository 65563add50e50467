"""Writing TOML, of which the standard library only reads."""

import json
from collections.abc import Mapping, Sequence


def inline(value: object) -> str:
    """`value` on one line; JSON's strings, numbers and booleans are TOML's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def agents_file(agents: Mapping[str, Mapping[str, object]]) -> str:
    """The text of an AGENTS_FILE; the first agent is the default."""
    return "".join(f"agents.{json.dumps(alias)} = {inline(entry)}\n" for alias, entry in agents.items())
