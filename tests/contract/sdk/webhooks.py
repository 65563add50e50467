"""`python webhooks.py bodies COUNT`: post-call webhooks made at random from the SDK's models, one a line.

`python webhooks.py verify`: says for each line of standard input, `{"body", "header", "secret"}`, whether the SDK takes
the webhook for one of ElevenLabs'.
"""

import json
import random
import sys
from typing import Any

from elevenlabs import ElevenLabs
from elevenlabs.core import ApiError
from elevenlabs.types.get_conversation_response_model import GetConversationResponseModel

DEPTH = 7
WORDS = ("", "hello", "नमस्ते", "a\nb", "\ud83d\ude00 ok", "x" * 300, "null", "0")


class Maker:
    """Makes values of a JSON schema: what is required always, what is not every second time."""

    def __init__(self, schema: dict[str, Any], seed: int) -> None:
        self._definitions = schema.get("$defs", {})
        self._random = random.Random(seed)

    def make(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value that is valid in `schema`."""
        if "$ref" in schema:
            return self.make(self._definitions[schema["$ref"].rpartition("/")[2]], depth)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                choices = schema[several]
                null = [one for one in choices if one.get("type") == "null"]
                return self.make(self._random.choice(null if null and depth > DEPTH else choices), depth)
        if "allOf" in schema:
            return self.make(schema["allOf"][0], depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                many = 0 if depth > DEPTH else self._random.randint(0, 3)
                return [self.make(schema.get("items", {}), depth + 1) for _ in range(many)]
            case "integer":
                return self._random.choice((0, 1, 59, 1_790_000_000, 2**53))
            case "number":
                return self._random.choice((0, 0.5, 12.25, 1e9))
            case "boolean":
                return self._random.random() < 0.5
            case "null":
                return None
        return self._random.choice(WORDS)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        made = {
            name: self.make(inner, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in required or (depth <= DEPTH and self._random.random() < 0.5)
        }
        if isinstance(schema.get("additionalProperties"), dict) and depth <= DEPTH:
            made["name"] = self.make(schema["additionalProperties"], depth + 1)
        return made


def bodies(count: int) -> None:
    schema = GetConversationResponseModel.model_json_schema()
    maker = Maker(schema, seed=count)
    for number in range(count):
        data = {**maker.make(schema), "conversation_id": f"conv_{number}"}
        GetConversationResponseModel.model_validate(data)
        envelope = {"type": "post_call_transcription", "event_timestamp": 1_790_000_000, "data": data}
        print(json.dumps(envelope))


def verify() -> None:
    webhooks = ElevenLabs(api_key="key").webhooks
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            event = webhooks.construct_event(asked["body"], asked["header"], asked["secret"])
        except ApiError as error:
            print(json.dumps({"problem": str(error.body)}))
        else:
            print(json.dumps({"type": event["type"]}))


if sys.argv[1] == "bodies":
    bodies(int(sys.argv[2]))
else:
    verify()
