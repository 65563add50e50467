"""Serves the agents' file to relays: the current version, and its sounds (docs/contracts.md)."""

from common import layout
from common.agent_version import is_digest, is_name
from common.documents import number
from common.relay_request import AGENTS, AGENTS_FILE, LONGEST_PROBLEM, to_sign
from common.signature import RELAY_HEADER, Verdict, sign, verify
from functions.common import log
from functions.common.agent_versions import AgentVersions
from functions.common.http import Request, Response, answer
from functions.common.relays_seen import Seen, note
from functions.common.store import Store
from functions.webhook.settings import Settings

_NO_STORE = {"cache-control": "no-store"}
_REFUSED = answer(401, {"status": "error", "error": "bad signature"})


def current(request: Request, store: Store, settings: Settings, now: float) -> Response:
    """`GET /relay/agents`: the current version; 304 if the relay has it, 404 if there is none."""
    secret = _proved_by(AGENTS, request, settings, now)
    if secret is None:
        return _REFUSED
    query = request.query
    if not layout.is_id(query.get("relay")):
        return answer(400, {"status": "error", "error": "relay: expected 1 to 128 of A-Z a-z 0-9 . _ -"})
    note(store, _seen(request, now))
    versions = AgentVersions(store)
    name = versions.current_name()
    if not name:
        return answer(404, {"status": "none"})
    etag = f'"{name}"'
    if etag in {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(304, b"", {**_NO_STORE, "etag": etag})
    body = versions.named(name).encoded()
    headers = {"content-type": "application/json", "etag": etag, RELAY_HEADER.lower(): sign(body, secret, now)}
    return Response(200, body, {**_NO_STORE, **headers})


def file(request: Request, store: Store, settings: Settings, now: float) -> Response:
    """`GET /relay/agents/file?sha256=`: a sound's content."""
    if _proved_by(AGENTS_FILE, request, settings, now) is None:
        return _REFUSED
    wanted = request.query.get("sha256", "")
    content = AgentVersions(store).content(wanted) if is_digest(wanted) else None
    if content is None:
        return answer(404, {"status": "error", "error": "there is no such file"})
    return Response(200, content, {**_NO_STORE, "content-type": "application/octet-stream"})


def _proved_by(path: str, request: Request, settings: Settings, now: float) -> str | None:
    """The secret that this relay uses: during a rotation it can verify an answer with that one only."""
    signed, header = to_sign(path, request.query), request.headers.get(RELAY_HEADER.lower())
    verdict = Verdict.MISMATCH
    for secret in settings.events_secrets:
        verdict = verify(signed, header, [secret], now=now)
        if verdict is Verdict.VALID:
            return secret
    log.warning("webhook_refused", f"a relay that asked for agents was refused: signature {verdict}", reason=verdict)
    return None


def _seen(request: Request, now: float) -> Seen:
    query = request.query
    serving, refused = query.get("serving", ""), query.get("refused", "")
    return Seen(
        relay=query["relay"],
        serving=serving if len(serving) <= 64 else "",
        refused=refused if is_name(refused) else "",
        problem=query.get("problem", "")[:LONGEST_PROBLEM],
        every_s=min(max(number(dict(query), "every") or 0.0, 0.0), 3600.0),
        at=now,
    )
