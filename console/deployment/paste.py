"""Output at the end of a deploy: what to paste where."""

from collections.abc import Mapping

from console.deployment.addresses import Addresses


def paste_list(pasted: Addresses, outputs: Mapping[str, str], *, cloud: str, webhook_secret_set: bool) -> str:
    """What to paste where, numbered, and the next steps; `cloud` is aws or gcp."""
    steps = [
        ("Exotel, Voicebot applet, URL", pasted.voicebot),
        ("Exotel, Passthru applet behind it, URL", pasted.passthru),
        ("Exotel, Connect applet, dynamic URL, primary", pasted.connect),
        ("Exotel, the same Connect applet, fallback URL", pasted.connect),
        (
            "ElevenLabs, Settings, Webhooks, post-call webhook, URL (authentication: HMAC)",
            pasted.webhook,
        ),
    ]
    if not webhook_secret_set:
        steps.append(("ELEVENLABS_WEBHOOK_SECRET, then deploy again", "the secret that ElevenLabs shows once (wsec_…)"))
    lines = [f"{number}. {where}:\n   {what}" for number, (where, what) in enumerate(steps, start=1)]
    commands = [
        f"ElevenLabs' side, by command: make setup-elevenlabs DEPLOYMENT={cloud}",
        f"Check it all:               make doctor DEPLOYMENT={cloud}",
        f"Dashboard:                  {outputs['dashboard_url']}",
    ]
    return "\n".join(["", "Paste these:", *lines, "", *commands])
