"""The part of TwiML that bots use for streams, and Twilio's request signature."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Final
from xml.etree import ElementTree

_SCHEMES: Final = ("wss://", "ws://")


@dataclass(frozen=True, slots=True)
class Answer:
    """The stream's address, and the parameters for its `start`."""

    url: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect the caller to somebody. `who`: a number, or the name of a target."""

    who: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


def parse(text: str) -> ElementTree.Element:
    """The `<Response>` element. Raises ValueError. Entities and doctypes are refused, so it can't expand."""
    if "<!" in text.replace("<!--", ""):
        raise ValueError("expected TwiML without a doctype or entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"expected TwiML: {error}") from None
    if root.tag != "Response":
        raise ValueError(f"expected <Response>, got <{root.tag[:40]}>")
    return root


def read_answer(body: bytes) -> Answer:
    """`<Connect><Stream url=…><Parameter name=… value=…/></Stream></Connect>`, or JSON `{"url", "parameters"}`.

    Raises ValueError with the expected format.
    """
    text = body.decode(errors="replace").strip()
    if text.startswith("{"):
        document = json.loads(text)
        url, found = document.get("url"), document.get("parameters", {})
        parameters = {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    else:
        stream = parse(text).find("./Connect/Stream")
        if stream is None:
            raise ValueError("expected <Connect><Stream url=…>")
        url = stream.get("url")
        parameters = {one.get("name", ""): one.get("value", "") for one in stream.findall("Parameter")}
    if not isinstance(url, str) or not url.startswith(_SCHEMES):
        raise ValueError("expected the stream's url to be a wss:// address")
    return Answer(url, parameters)


def read_order(text: str) -> Dial | HangUp:
    """The bot's instruction for a running call. Raises ValueError for unsupported ones."""
    root = parse(text)
    for verb in root:
        if verb.tag == "Hangup":
            return HangUp()
        if verb.tag == "Dial":
            number = verb.find("Number")
            who = ((number if number is not None else verb).text or "").strip()
            if who:
                return Dial(who)
            raise ValueError("expected a number or a target's name in <Dial>")
        if verb.tag not in {"Say", "Play", "Pause"}:  # speech before it is ignored
            raise ValueError(f"expected <Dial> or <Hangup/>, got <{verb.tag[:40]}>")
    raise ValueError("expected <Dial> or <Hangup/>")


def twilio_signature(url: str, form: Mapping[str, str], token: str) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the form's names and values in order, in base64."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), sha1).digest()).decode()
