"""The transfer function as a Cloud Function: entry point `transfer`."""

import os
from functools import cache

import flask
import functions_framework

from common.env import Env
from functions.common.gcp import Entry
from functions.common.log import set_up
from functions.common.settings import log_level, store
from functions.common.tracing import set_up as set_up_tracing
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings


@cache
def _app() -> TransferApp:
    env = Env(os.environ)
    set_up(log_level(env))
    return TransferApp(Settings.from_env(os.environ), store(env), tracing=set_up_tracing(os.environ, frozen=True))


@cache
def _entry() -> Entry:
    return Entry(_app())


@functions_framework.http
def transfer(request: flask.Request) -> flask.Response:
    return _entry().answer(request)
