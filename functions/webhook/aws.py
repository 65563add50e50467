"""The webhook Lambda: `functions.webhook.aws.handler`. HTTP API events, and `{"sweep": true}` from the schedule."""

from collections.abc import Mapping
from dataclasses import asdict

from common.env import Env
from functions.common.aws import Event, LambdaFunction, to_request, to_result
from functions.common.settings import store
from functions.common.tracing import set_up
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings


def build(environ: Mapping[str, str]) -> WebhookApp:
    return WebhookApp(Settings.from_env(environ), store(Env(environ)), tracing=set_up(environ, frozen=True))


_function = LambdaFunction("webhook", ("EVENTS_SECRET", "ELEVENLABS_WEBHOOK_SECRET", "ELEVENLABS_API_KEY"), build)


@_function.entry
def handler(app: WebhookApp, event: Event) -> Event:
    if event.get("sweep"):
        return asdict(app.sweep())
    return to_result(app.handle(to_request(event)))
