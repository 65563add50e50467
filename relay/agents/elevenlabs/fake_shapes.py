"""The agents, tools and webhooks that ElevenLabs' REST API accepts (elevenlabs.md A2.2, A3.1, A5, A7).

Names are those of the published models. Values of type `Any` are not checked; unknown names are refused, although the
real API may accept them, so that misspelt names are found.
"""

from typing import Any, Final, Literal, get_args

import msgspec

AudioFormat = Literal["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]
FORMATS: Final[tuple[str, ...]] = get_args(AudioFormat)
"""Both directions, the same list; there is no A-law."""

ClientEvent = Literal[
    "conversation_initiation_metadata",
    "asr_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "tentative_user_transcript",
    "agent_response",
    "agent_response_correction",
    "client_tool_call",
    "mcp_tool_call",
    "mcp_connection_status",
    "agent_tool_request",
    "agent_tool_response",
    "agent_tool_response_full_payload",
    "agent_response_metadata",
    "vad_score",
    "agent_chat_response_part",
    "client_error",
    "guardrail_triggered",
    "dtmf_request",
    "agent_response_complete",
    "context_usage",
    "internal_turn_probability",
    "internal_tentative_agent_response",
]
WebhookEvent = Literal[
    "transcript",
    "audio",
    "call_initiation_failure",
    "answering_machine_detection",
    "unredacted_transcript",
    "unredacted_audio",
]
Kind = Literal["boolean", "string", "integer", "number"]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object whose names are all known; None stands for a value that is not given or null."""


class Literally(Shape, frozen=True):
    """A parameter of a tool, or a field of the data collection: the model fills it by its description."""

    type: Kind
    description: str
    enum: list[str] | None = None
    name: str | None = None
    llm: str | None = None
    is_system_provided: bool | None = None
    dynamic_variable: str | None = None
    allowed_values: Any = None
    constant_value: Any = None
    is_omitted: bool | None = None


class Parameters(Shape, frozen=True):
    type: Literal["object"]
    description: str | None = None
    properties: dict[str, Literally] = {}
    required: list[str] = []


class ClientTool(Shape, frozen=True, tag_field="type", tag="client"):
    name: str
    description: str
    parameters: Parameters | None = None
    expects_response: bool = False
    response_timeout_secs: int | None = None
    interruption_mode: Any = None
    disable_interruptions: bool | None = None
    pre_tool_speech: Any = None
    force_pre_tool_speech: bool | None = None
    execution_mode: Literal["immediate", "post_tool_speech", "async"] | None = None
    tool_call_sound: Any = None
    tool_call_sound_behavior: Any = None
    tool_error_handling_mode: Any = None
    assignments: Any = None
    dynamic_variables: Any = None


class OtherTool(Shape, frozen=True, tag_field="type", tag="webhook"):
    name: str
    description: str
    api_schema: dict[str, Any]


class ToolBody(Shape, frozen=True):
    tool_config: ClientTool | OtherTool
    response_mocks: Any = None


class SystemTool(Shape, frozen=True, tag_field="type", tag="system"):
    name: str
    params: dict[str, Any]
    description: str = ""
    response_timeout_secs: int | None = None
    interruption_mode: Any = None
    disable_interruptions: bool | None = None
    pre_tool_speech: Any = None
    force_pre_tool_speech: bool | None = None
    tool_call_sound: Any = None
    tool_call_sound_behavior: Any = None
    tool_error_handling_mode: Any = None
    assignments: Any = None


class Prompt(Shape, frozen=True):
    prompt: str | None = None
    llm: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tool_ids: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    built_in_tools: dict[str, SystemTool | None] | None = None
    knowledge_base: list[Any] | None = None
    timezone: str | None = None


class Speaker(Shape, frozen=True):
    first_message: str | None = None
    language: str | None = None
    dynamic_variables: Any = None
    disable_first_message_interruptions: bool | None = None
    max_conversation_duration_message: str | None = None
    prompt: Prompt | None = None


class Hearing(Shape, frozen=True):
    quality: str | None = None
    provider: str | None = None
    user_input_audio_format: AudioFormat | None = None
    keywords: list[str] | None = None


class Speech(Shape, frozen=True):
    model_id: str | None = None
    voice_id: str | None = None
    agent_output_audio_format: AudioFormat | None = None
    stability: float | None = None
    speed: float | None = None
    similarity_boost: float | None = None


class Conversing(Shape, frozen=True):
    text_only: bool | None = None
    max_duration_seconds: int | None = None
    client_events: list[ClientEvent] | None = None
    monitoring_enabled: bool | None = None


class ConversationConfig(Shape, frozen=True):
    asr: Hearing | None = None
    tts: Speech | None = None
    turn: dict[str, Any] | None = None
    vad: dict[str, Any] | None = None
    language_presets: dict[str, Any] | None = None
    conversation: Conversing | None = None
    agent: Speaker | None = None


class PostCall(Shape, frozen=True):
    post_call_webhook_id: str | None = None
    events: list[WebhookEvent] | None = None
    transcript_format: Literal["json", "opentelemetry"] | None = None
    exclude_transcript: bool | None = None
    send_audio: bool | None = None


class WorkspaceOverrides(Shape, frozen=True):
    webhooks: PostCall | None = None
    conversation_initiation_client_data_webhook: Any = None


class Auth(Shape, frozen=True):
    enable_auth: bool | None = None
    allowlist: list[dict[str, str]] | None = None
    require_origin_header: bool | None = None
    shareable_token: str | None = None


class PlatformSettings(Shape, frozen=True):
    auth: Auth | None = None
    data_collection: dict[str, Literally] | None = None
    data_collection_scopes: dict[str, str] | None = None
    workspace_overrides: WorkspaceOverrides | None = None
    overrides: dict[str, Any] | None = None
    privacy: dict[str, Any] | None = None
    evaluation: dict[str, Any] | None = None
    widget: dict[str, Any] | None = None
    call_limits: dict[str, Any] | None = None
    archived: bool | None = None


class AgentPatch(Shape, frozen=True):
    name: str | None = None
    conversation_config: ConversationConfig | None = None
    platform_settings: PlatformSettings | None = None
    workflow: dict[str, Any] | None = None
    tags: list[str] | None = None
    version_description: str | None = None


class NewAgent(Shape, frozen=True):
    conversation_config: ConversationConfig
    name: str | None = None
    platform_settings: PlatformSettings | None = None
    workflow: dict[str, Any] | None = None
    tags: list[str] | None = None


class WebhookSettings(Shape, frozen=True):
    auth_type: Literal["hmac"]
    name: str
    webhook_url: str
    request_headers: dict[str, str | None] | None = None


class NewWebhook(Shape, frozen=True):
    settings: WebhookSettings


class WebhookPatch(Shape, frozen=True):
    is_disabled: bool
    name: str
    retry_enabled: bool | None = None
    request_headers: dict[str, str | None] | None = None
    events: list[str] | None = None
