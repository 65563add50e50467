"""Names of events of OpenAI Realtime and related services: those that only some of them send, and ignored ones."""

from collections.abc import Mapping
from typing import Final

OLDER_NAMES: Final = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
"""Names of OpenAI's beta, which Azure's Voice Live kept; what they are called now."""

IGNORED: Final[Mapping[str, str]] = {
    "conversation.item.added": "the events of the response and of the input buffer say it in time",
    "conversation.item.created": "older name of conversation.item.added, and Voice Live's",
    "conversation.item.done": "as conversation.item.added",
    "conversation.item.deleted": "answers a message that we never send",
    "conversation.item.retrieved": "answers a message that we never send",
    "conversation.item.truncated": "confirms what we said was heard",
    "conversation.item.input_audio_transcription.delta": "the record keeps whole turns",
    "conversation.item.input_audio_transcription.segment": "only for diarisation, which is not asked for",
    "input_audio_buffer.cleared": "answers a message that we never send",
    "input_audio_buffer.dtmf_event_received": "keys come from the line, not over SIP",
    "input_audio_buffer.timeout_triggered": "only with idle_timeout_ms, which is not set",
    "mcp_list_tools.completed": "no MCP server is configured",
    "mcp_list_tools.failed": "no MCP server is configured",
    "mcp_list_tools.in_progress": "no MCP server is configured",
    "ping": "Grok's; the socket is kept alive below it",
    "output_audio_buffer.cleared": "WebRTC and SIP only",
    "output_audio_buffer.started": "WebRTC and SIP only",
    "output_audio_buffer.stopped": "WebRTC and SIP only",
    "rate_limits.updated": "a limit that is reached fails a response, which is acted on",
    "response.content_part.added": "the deltas say it",
    "response.content_part.done": "the deltas say it",
    "response.function_call_arguments.delta": "a call is made when its arguments are complete",
    "response.mcp_call.completed": "no MCP server is configured",
    "response.mcp_call.failed": "no MCP server is configured",
    "response.mcp_call.in_progress": "no MCP server is configured",
    "response.mcp_call_arguments.delta": "no MCP server is configured",
    "response.mcp_call_arguments.done": "no MCP server is configured",
    "response.output_item.done": "response.done follows",
    "response.output_text.delta": "the output is sound only",
    "response.output_text.done": "the output is sound only",
    # Voice Live's own
    "response.animation_blendshapes.delta": "no avatar is asked for",
    "response.animation_blendshapes.done": "no avatar is asked for",
    "response.animation_viseme.delta": "no avatar is asked for",
    "response.animation_viseme.done": "no avatar is asked for",
    "response.audio_timestamp.delta": "no timestamps are asked for",
    "response.audio_timestamp.done": "no timestamps are asked for",
    "response.audio_transcript.annotation.added": "the record keeps the words alone",
    "response.file_search_call.completed": "no such tool is configured",
    "response.file_search_call.in_progress": "no such tool is configured",
    "response.file_search_call.searching": "no such tool is configured",
    "response.invocation.delta": "only for agents of Azure's own",
    "response.text.delta": "the output is sound",
    "response.text.done": "the output is sound",
    "response.video.delta": "no avatar is asked for",
    "response.web_search_call.completed": "no such tool is configured",
    "response.web_search_call.in_progress": "no such tool is configured",
    "response.web_search_call.searching": "no such tool is configured",
    "session.avatar.connecting": "no avatar is asked for",
    "session.avatar.switch_to_idle": "no avatar is asked for",
    "session.avatar.switch_to_speaking": "no avatar is asked for",
}
"""What the server says that needs nothing of us, and why."""
