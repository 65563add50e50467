"""The webhook as Cloud Functions: entry points `webhook` (HTTP) and `sweep` (HTTP, private, called by the schedule)."""

import os
from dataclasses import asdict
from functools import cache

import flask
import functions_framework

from common.env import Env
from functions.common.gcp import Entry, to_flask
from functions.common.http import answer
from functions.common.log import set_up
from functions.common.settings import log_level, store
from functions.common.tracing import set_up as set_up_tracing
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings


@cache
def _app() -> WebhookApp:
    env = Env(os.environ)
    set_up(log_level(env))
    return WebhookApp(Settings.from_env(os.environ), store(env), tracing=set_up_tracing(os.environ, frozen=True))


@cache
def _entry() -> Entry:
    return Entry(_app())


@functions_framework.http
def webhook(request: flask.Request) -> flask.Response:
    return _entry().answer(request)


@functions_framework.http
def sweep(request: flask.Request) -> flask.Response:
    return to_flask(answer(200, asdict(_app().sweep())))
