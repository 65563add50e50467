"""Every wrong setting is told of, not just the first."""

import aiohttp

from console.checks.finding import Verdict
from console.checks.subject import Subject
from console.doctor.settings import examine, read_all
from functions.transfer.settings import Settings as TransferSettings
from relay.settings import Settings as RelaySettings
from tests.support.virtual import virtual


def names(read, **environ):
    return [error.name for error in read_all(read, environ)[1]]


def test_all_of_several_mistakes_are_found():
    wrong = names(RelaySettings.from_env, CHUNK_SIZE="100", PORT="http", MAX_CALLS="0", EVENTS_URL="ftp://events")
    assert set(wrong) == {"CHUNK_SIZE", "PORT", "MAX_CALLS", "EVENTS_URL", "ELEVENLABS_AGENT_ID", "MEDIA_TOKEN"}


def test_a_mistake_is_not_reported_twice_through_its_consequences():
    """A wrong number left no target, and then TRANSFER_ON_FAILURE was blamed for naming one that is not there."""
    wrong = names(
        TransferSettings.from_env,
        EXOTEL_TOKEN="exotel-token-of-nobody",
        TRANSFER_TARGETS='{"desk": "12"}',
        TRANSFER_ON_FAILURE="desk",
    )
    assert wrong == ["TRANSFER_TARGETS"]


def test_a_secret_that_is_missing_hides_no_other_mistake():
    assert names(TransferSettings.from_env, CONNECT_RECORD="maybe") == ["CONNECT_RECORD", "EXOTEL_TOKEN"]
    assert names(TransferSettings.from_env, EXOTEL_TOKEN="short") == ["EXOTEL_TOKEN"]


@virtual
async def test_a_secret_that_is_too_short_and_needed_is_one_mistake():
    """Taken away for being short it was missed for being needed, and the part broke off."""
    environ = {"ELEVENLABS_AGENT_ID": "a", "EVENTS_URL": "https://f/relay/events", "EVENTS_SECRET": "short"}
    async with aiohttp.ClientSession() as session:
        failed = [one async for one in examine(Subject(environ, session)) if one.verdict is Verdict.FAIL]
    assert [one.check for one in failed] == ["settings.relay"]


@virtual
async def test_the_functions_bucket_is_no_mistake_of_the_relay():
    """In a deployment STORE is the functions' bucket, which the relay's own settings would refuse."""
    environ = {"ELEVENLABS_AGENT_ID": "agent_0", "STORE": "s3://records"}
    async with aiohttp.ClientSession() as session:
        findings = {one.check: one async for one in examine(Subject(environ, session))}
    assert findings["settings.relay"].verdict is Verdict.PASS
