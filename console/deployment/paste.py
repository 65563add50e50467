"""What a deployment says at its end: what to paste where."""

from collections.abc import Mapping


def paste_list(outputs: Mapping[str, str], *, cloud: str, webhook_secret_set: bool) -> str:
    """What to paste where, numbered, and what comes then; `outputs` as both clouds name them, `cloud` is aws or gcp."""
    steps = [
        ("Exotel, Voicebot applet, URL", outputs["voicebot_url"]),
        ("Exotel, Passthru applet behind it, URL", outputs["passthru_url"]),
        ("Exotel, Connect applet, dynamic URL, primary", outputs["connect_primary_url"]),
        ("Exotel, the same Connect applet, fallback URL", outputs["connect_fallback_url"]),
        (
            "ElevenLabs, Settings, Webhooks, post-call webhook, URL (authentication: HMAC)",
            outputs["elevenlabs_webhook_url"],
        ),
    ]
    if not webhook_secret_set:
        steps.append(("ELEVENLABS_WEBHOOK_SECRET, then deploy again", "the secret that ElevenLabs shows once (wsec_…)"))
    lines = [f"{number}. {where}:\n   {what}" for number, (where, what) in enumerate(steps, start=1)]
    commands = [
        f"ElevenLabs' side by command: make setup-elevenlabs DEPLOYMENT={cloud}",
        f"Check it all:               make doctor DEPLOYMENT={cloud}",
        f"Dashboard:                  {outputs['dashboard_url']}",
    ]
    return "\n".join(["", "Paste these:", *lines, "", *commands])
