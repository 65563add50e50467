"""Output of `console run` at its start: what to paste where, and which features are off with the current settings."""

from collections.abc import Iterator, Mapping

_TARGETS = ("TRANSFER_TARGETS", "TRANSFER_TEAM_1_NUMBER", "TRANSFER_TEAM_2_NUMBER")


def what_to_paste(environ: Mapping[str, str]) -> str:
    """The numbered list of what to paste where."""
    relay = environ.get("PUBLIC_URL", "").rstrip("/") or "wss://YOUR-PUBLIC-HOST"
    functions = environ.get("FUNCTIONS_PUBLIC_URL", "").rstrip("/") or "https://YOUR-FUNCTIONS-HOST"
    token = environ["EXOTEL_TOKEN"]
    return f"""
The relay listens on port {environ["PORT"]}, the functions on port {environ["FUNCTIONS_PORT"]}. Make both reachable
over TLS (any tunnel will do) and set PUBLIC_URL and FUNCTIONS_PUBLIC_URL to see the finished addresses here.

  1. Exotel, Voicebot applet, URL:             {relay}/media/{environ["MEDIA_TOKEN"]}
  2. Exotel, Connect applet, primary URL:      {functions}/exotel/connect?token={token}
  3. Exotel, Connect applet, fallback URL:     the same
  4. Exotel, Passthru applet after each, URL:  {functions}/exotel/passthru?token={token}
  5. ElevenLabs, post-call webhook:            {functions}/webhook/post-call
     and its secret into ELEVENLABS_WEBHOOK_SECRET
"""


def missing(environ: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each missing feature."""
    if not any(environ.get(name, "").strip() for name in _TARGETS):
        yield (
            "No caller can be connected to a person: set TRANSFER_TARGETS, for instance "
            """TRANSFER_TARGETS='{"support": "+919876500001"}'."""
        )
    if not environ.get("ELEVENLABS_WEBHOOK_SECRET", "").strip():
        yield (
            "Post-call webhooks of ElevenLabs will be refused: set ELEVENLABS_WEBHOOK_SECRET (make setup-elevenlabs "
            "makes one). Records then lack the summary and the analysis."
        )
    if not environ.get("ELEVENLABS_API_KEY", "").strip() and not environ.get("AGENTS_FILE", "").strip():
        yield "ELEVENLABS_API_KEY is not set: the agent has to be public, and lost webhooks are not fetched."
