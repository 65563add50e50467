"""The transfer Lambda: `functions.transfer.aws.handler`."""

from collections.abc import Mapping

from common.env import Env
from functions.common.aws import Event, LambdaFunction, to_request, to_result
from functions.common.settings import store
from functions.common.tracing import set_up
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings


def build(environ: Mapping[str, str]) -> TransferApp:
    return TransferApp(Settings.from_env(environ), store(Env(environ)), tracing=set_up(environ, frozen=True))


_function = LambdaFunction("transfer", ("EXOTEL_TOKEN", "EXOTEL_BASIC_AUTH"), build)


@_function.entry
def handler(app: TransferApp, event: Event) -> Event:
    return to_result(app.handle(to_request(event)))
