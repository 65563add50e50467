"""docs/limits.md says how much of everything is taken and how long is waited; no other test knows a number by itself.

A test of what happens beyond a limit takes the limit from the code, and would go along with any other number.
"""

import re
from typing import Final

from common import agent_version, credentials, event_parts, live, log_line, log_writer, recording, relay_request
from functions import local
from functions.common import agent_versions, aws, fetch, gcp, pending, relays_seen
from functions.common.store import gcs
from functions.transfer import answer as transfer_answer
from functions.transfer import app as transfer_app
from functions.transfer import callers, connect, waiting
from functions.transfer import settings as transfer_settings
from functions.webhook import api, app, conversation, joining, listing, post_call, repair, retention, uploads, vendor
from functions.webhook import live as live_functions
from relay import agent_updates, agents_source, media, outgoing, resolver, server
from relay.agents import keypad, routes_file, seam, session, socket
from relay.agents.bot import session as bot_session
from relay.agents.elevenlabs import session as elevenlabs
from relay.agents.telephony import rest, twilio
from relay.agents.telephony import session as telephony
from relay.aws import retirement, task_protection
from relay.call import (
    agent_leg,
    agent_speech,
    call,
    hand_over,
    http_tools,
    idle,
    lookup,
    lookup_answer,
    outbox,
    progress,
    reception,
    tools,
)
from relay.call import conversation as relay_conversation
from relay.control import actions, commands
from relay.events import answer, delivery, folder, records, running
from relay.line import downlink, exotel
from relay.line import socket as line_socket
from relay.recording import sheets, spans
from relay.recording import uploads as relay_uploads
from tests.support.processes import ROOT


def size(number: int) -> str:
    """Bytes as they are written in the docs."""
    unit = next((unit for unit in ((1 << 20, "MiB"), (1 << 10, "KiB")) if number % unit[0] == 0), (1, "bytes"))
    return f"{number // unit[0]:,} {unit[1]}"


def seconds(number: float) -> str:
    return f"{number:g} s"


def count(number: float) -> str:
    return f"{number:,}"


LIMITS: Final = {
    "The line": {
        "a message": size(exotel.MAX_MESSAGE),
        "an id, in characters": count(exotel.MAX_ID),
        "a number or address, in characters": count(exotel._MAX_NUMBER),
        "custom parameters of a call": count(exotel._MAX_PARAMETERS),
        "a custom parameter, in characters": count(exotel._MAX_PARAMETER),
        "a rate or a time stamp": count(exotel.BIGGEST),
        "a message to Exotel": size(exotel.MAX_PAYLOAD),
        "silence, after which the line is dead": seconds(call.SILENCE_LIMIT),
        "without reading what we send, after which the line is dead": seconds(call.STALL_LIMIT),
        "waiting in the relay's socket": size(line_socket.UNSENT_LIMIT),
        "a whole HTTP request": seconds(server.REQUEST_PATIENCE),
        "log lines of refused calls, per second and reason": count(media._REFUSAL_LINES),
    },
    "Agents": {
        "opening the socket": seconds(socket.OPEN_TIMEOUT),
        "closing it": seconds(socket.CLOSE_TIMEOUT),
        "without data, after which it is asked for a sign of life": seconds(socket.HEARTBEAT),
        "a message": size(socket.MAX_MESSAGE),
        "until an agent is ready": seconds(session.READY_TIMEOUT),
        "… ElevenLabs' signed URL": seconds(elevenlabs._SIGNED_URL_TIMEOUT),
        "… in ElevenLabs' queue": seconds(elevenlabs._QUEUE_TIMEOUT),
        "without reading what we send, after which it has failed": seconds(agent_leg.STALL_LIMIT),
        "its messages stay unread while the playout is full": seconds(agent_speech.MAX_WAIT),
        "speech that waits to be played, kept as the agent sent it": seconds(downlink.PLAYOUT_SECONDS),
        "messages that wait for it": count(outbox.MAX_WAITING),
        "a note, in characters": count(seam.MAX_NOTE),
        "keys pressed at once": count(keypad.MAX_KEYS),
        "looking up a name": seconds(resolver.PATIENCE),
        "names whose last good addresses are kept": count(resolver._KEPT),
        "an HTTP answer that has no limit of its own": size(outgoing.LARGEST_ANSWER),
        "before it is tried once more": seconds(relay_conversation.RETRY_PAUSE),
        "waiting for a goodbye to begin": seconds(idle.GOODBYE_LIMIT),
        "silence that ends a goodbye": seconds(idle.GOODBYE_QUIET),
        "notice before the end of its time": seconds(idle.WARNING_S),
        "waiting for the goodbye before a hand-over": seconds(hand_over.LIMIT),
        "silence that ends that goodbye": seconds(hand_over.QUIET),
        "a note of an operator": seconds(actions.TOLD_WITHIN),
    },
    "Bots": {
        "frames that wait for a bot's own code": count(bot_session._MAX_WAITING),
        "events that wait, over another protocol": count(telephony._WAITING_EVENTS),
        "the answer of a webhook with TwiML": size(twilio._LARGEST_ANSWER),
        "a body sent over REST": seconds(rest._BODY_PATIENCE),
        "a transfer requested over REST": seconds(rest._ANSWER_PATIENCE),
    },
    "Look-ups, tools, routes and commands": {
        "the answer of a look-up": size(lookup.LARGEST_ANSWER),
        "its variables": count(lookup_answer._VARIABLES),
        "a variable, in characters": count(lookup_answer._VARIABLE),
        "its tags": count(lookup_answer._TAGS),
        "a tag, in characters": count(lookup_answer._TAG),
        "problems that are named": count(lookup_answer._PROBLEMS),
        "a problem, in characters": count(reception._PROBLEM),
        "the answer of an HTTP tool": size(http_tools.LARGEST_ANSWER),
        "… for the model, in characters": count(tools.LARGEST_RESULT),
        "before an HTTP tool is asked again": seconds(http_tools._PAUSE),
        "routes": count(routes_file._MOST),
        "a file of holidays": size(routes_file.LARGEST_FILE),
        "commands of a call": count(commands.MOST),
        "commands in one answer": count(answer.MOST_COMMANDS),
    },
    "Events and recordings": {
        "an attempt to deliver": seconds(delivery._ATTEMPT_TIMEOUT),
        "connecting for it": seconds(delivery._CONNECT_TIMEOUT),
        "all attempts": seconds(delivery._RETRY_FOR),
        "between two attempts, at first": seconds(delivery._FIRST_PAUSE),
        "between two attempts, at most": seconds(delivery._LONGEST_PAUSE),
        "deliveries at once": count(delivery.DELIVERIES_AT_ONCE),
        "progress being offered at once, with functions": count(delivery.OFFERS_AT_ONCE),
        "… without: between two times that all of it is written": seconds(folder.TOGETHER),
        "… and a running call's file, beyond twice what it says": size(running.ROOM),
        "until the end of a call is stored, before the line is closed": seconds(hand_over.EVENT_PATIENCE),
        "between two reports of progress, at least": seconds(progress.SOONEST),
        "… while somebody watches": seconds(progress.WATCHED),
        "until a report of progress is stored": seconds(progress.PATIENCE),
        "turns in one report, in characters": count(progress.MOST_TEXT),
        "turns of a running call": count(live.MOST_TURNS),
        "uses of tools in a record": count(records.TOOLS_KEPT),
        "arguments of each, in characters": count(records.ARGUMENTS_KEPT),
        "silence about a call, after which its relay is dead (events in a folder)": seconds(folder.LOST_AFTER),
        "a piece of a recording": size(recording.LARGEST_PIECE),
        "pieces of a stream": count(recording.MOST_PIECES),
        "pieces that wait": count(relay_uploads.WAITING),
        "uploads of a relay at once": count(relay_uploads.AT_ONCE),
        "an attempt to upload": seconds(relay_uploads._ATTEMPT_S),
        "all attempts for a piece": seconds(relay_uploads._PATIENCE_S),
        "permissions asked for at once": count(relay_uploads.ASKED_FOR),
        "permissions in an answer": count(answer.MOST_UPLOADS),
        "headers of a permission": count(answer.MOST_HEADERS),
        "the URL of a permission, in characters": count(answer.LONGEST_URL),
        "a permission is used for": seconds(relay_uploads.GOOD_FOR_S),
        "files open for recordings that nobody takes": count(sheets._MOST_OPEN),
        "missing stretches that are listed": count(spans._MOST),
    },
    "Versions of the agents' file": {
        "the file": size(agent_version.LARGEST_TEXT),
        "a sound": size(agent_version.LARGEST_FILE),
        "all sounds": size(agent_version.LARGEST_IN_ALL),
        "all sounds, in time": seconds(agent_updates.LONGEST_SOUNDS_S),
        "sounds": count(agent_version.MOST_FILES),
        "a name, in characters": count(agent_version.LONGEST_NAME),
        "a note, in characters": count(agent_versions.LONGEST_NOTE),
        "moves that are remembered": count(agent_versions.MOVES_KEPT),
        "the answer with a version": size(agents_source._LARGEST_VERSION),
        "waiting for the first version at the start": seconds(agent_updates.PATIENCE_AT_START_S),
        "a problem that a relay reports, in characters": count(relay_request.LONGEST_PROBLEM),
        "relays that are listed": count(relays_seen.MOST_LISTED),
        "a relay is listed after its last request": seconds(relays_seen.FORGOTTEN_S),
        "between two notes of a relay": seconds(relays_seen.WRITTEN_EVERY_S),
    },
    "Functions": {
        "a webhook": size(app.LARGEST_WEBHOOK),
        "an event": size(app.LARGEST_EVENT),
        "the age of an event's signature": seconds(app.EVENT_MAX_AGE_S),
        "a form of Exotel's": size(transfer_app.LARGEST_FORM),
        "a conversation's id, in characters": count(conversation._LONGEST_ID),
        "how far a conversation's time may be off": seconds(conversation._LONGEST_S),
        "a document from the vendor": size(fetch.LARGEST_DOCUMENT),
        "a call's sound from the vendor": size(fetch.LARGEST_FILE),
        "… in a webhook": size(post_call._LARGEST),
        "permissions to upload in one request": count(uploads.MOST_AT_ONCE),
        "a permission to upload is valid for": seconds(uploads.EXPIRES_S),
        "what is pending is tried for": seconds(pending.LONGEST_S),
        "between two tries, at most": seconds(pending._LONGEST_WAIT_S),
        "a call": seconds(repair._LONGEST_CALL_S),
        "waiting for a human, as seen by who watches": seconds(live_functions.LONGEST_WAIT_S),
        "a gap in a recording that is filled with silence": seconds(joining._LONGEST_GAP_S),
        "keys that a sweep removes": count(retention._MOST),
        "shortest wait before Exotel is answered again": seconds(waiting.SHORTEST_S),
        "looks into the store per second, all waiting requests": count(waiting.LOOKS_A_SECOND),
        "waiting for the end of a stream to be reported": seconds(connect._RELAY_TELLS_S),
        "ringing of a number": seconds(transfer_settings.MAX_RINGING_S),
        "a conversation with a human": seconds(transfer_settings.MAX_CONVERSATION_S),
        "numbers that ring at once": count(transfer_settings.MAX_PARALLEL),
        "a call that has just ended may still be asked about for": seconds(callers._JUST_ENDED_S),
        "how far Exotel's clock may be off": seconds(callers._CLOCKS_DIFFER_S),
        "what Exotel reports, until the sweep makes sure that the record has it": seconds(connect.FOLDED_AFTER_S),
        "a summary that is read to a human, in characters": count(transfer_answer._LONGEST_SUMMARY),
        "answers of the vendor's that fail before it is left alone in a sweep": count(vendor._IN_A_ROW),
        "between two looks at the vendor's list of conversations": seconds(listing._EVERY_S),
        "how far the first look goes back": seconds(listing._BACK_S),
        "how far two looks overlap": seconds(listing._OVERLAP_S),
        "silence of a relay, at least, before it counts as dead": seconds(repair._LEAST_SILENCE_S),
        "unchanged progress is written again after": seconds(live_functions._FRESH_S),
        "between two removals of what is past its retention": seconds(retention._EVERY_S),
        "before the first try of what is pending": seconds(pending._FIRST_WAIT_S),
        "what is pending and looked at in one go": count(pending._BATCH),
        "pieces of a recording that are read at once": count(joining._AT_ONCE),
        "a recording that is kept in memory": size(api._IN_MEMORY),
        "a secret is read again after (AWS)": seconds(aws._SECRET_MAX_AGE_S),
        "all bodies in memory (one machine)": size(local._HELD_BYTES),
        "a body (one machine)": seconds(local._BODY_PATIENCE),
        "an idle connection (one machine)": seconds(local._IDLE_PATIENCE),
        "requests of Exotel's at once (one machine)": count(local._EXOTEL_THREADS),
        "other requests at once (one machine)": count(local._WEBHOOK_THREADS),
        "requests that are finished at a shutdown (one machine)": seconds(local._SHUTDOWN_PATIENCE),
        "all bodies in memory (Google Cloud)": size(gcp._HELD_BYTES),
        "the slowest body, a second (Google Cloud)": size(gcp._SLOWEST_BYTES_A_SECOND),
        "a body of a few bytes (Google Cloud)": seconds(gcp._BODY_PATIENCE_S[0]),
        "… the largest (Google Cloud)": seconds(gcp._BODY_PATIENCE_S[1]),
        "connecting to Cloud Storage": seconds(gcs._TIMEOUT[0]),
        "reading from Cloud Storage": seconds(gcs._TIMEOUT[1]),
    },
    "ECS, secrets and logs": {
        "between two questions whether this task is retired": seconds(retirement.ASK_EVERY_S),
        "without calls, after which a retired relay leaves": seconds(retirement.SETTLED_S),
        "for the last calls of a balancer": seconds(retirement.LAST_CALLS_S),
        "a task is protected for": seconds(task_protection.EXPIRES_MINUTES * 60),
        "without calls, after which it is no longer": seconds(task_protection.CLEAR_AFTER_S),
        "between two attempts to protect it, at first": seconds(task_protection.RETRY_FIRST_S),
        "between two attempts to protect it, at most": seconds(task_protection.RETRY_MOST_S),
        "a secret, in characters, at least": count(credentials.SECRET_LENGTH),
        "a log line": size(log_line.MAX_LINE),
        "a text in it, in characters": count(log_line.MAX_TEXT),
        "lines that wait for standard output": count(log_writer.WAITING_LINES),
        "… of them for warnings and errors only": count(log_writer._FOR_WARNINGS),
        "data of an undelivered event in one line": size(event_parts.PART_SIZE),
    },
}


def test_the_documented_limits_are_those_of_the_code():
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    sections = {
        heading: dict(re.findall(r"^\| (.+) \| (.+) \|$", text.partition("|---|---|\n")[2], re.MULTILINE))
        for heading, text in re.findall(r"^## (.+?)\n(.+?)(?=\n## |\Z)", page, re.MULTILINE | re.DOTALL)
    }
    assert sections == LIMITS
