"""A request and an answer, reduced to what the functions need; each cloud's entry point translates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from urllib.parse import parse_qsl

from common.documents import Document, decode, encode

JSON = {"content-type": "application/json", "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` with lower-case names; `query` decoded, with the last value of a repeated key; `body` as it was on the
    wire.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Query and body together, as Exotel may use either: a form (both kinds) or a flat JSON object.

        A body that is none of these is ignored: Exotel documents no encoding.
        """
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        found = dict(self.query)
        if kind == "application/json":
            found |= _flat(self.body)
        elif kind == "multipart/form-data":
            found |= _multipart(self.headers["content-type"], self.body)
        elif self.body:
            found |= dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `body` is JSON unless `headers` say otherwise."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def answer(status: int, document: Document) -> Response:
    """A Response with `document` as JSON."""
    return Response(status, encode(document))


def request(
    method: str, path: str, query_string: str = "", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Request:
    """A Request from the parts that a web server has."""
    return Request(
        method.upper(),
        path.rstrip("/") or "/",
        dict(parse_qsl(query_string, keep_blank_values=True)),
        {name.lower(): value for name, value in (headers or {}).items()},
        body,
    )


def _flat(body: bytes) -> dict[str, str]:
    try:
        document = decode(body)
    except ValueError:
        return {}
    return {
        key: value if isinstance(value, str) else encode(value).decode()
        for key, value in document.items()
        if value is not None
    }


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    found: dict[str, str] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found[name] = payload.decode(errors="replace").strip()
    return found
