"""The server around a vendor's conversations."""

from typing import ClassVar

from aiohttp import web

from sim.agent_script import AgentScript
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.record import VendorRecord


class FakeVendor:
    """A server of one vendor. `conversations`: its records, in order.

    `no_sdk`: why there is no Python SDK to check its messages with; empty if there is one (tests/contract).
    `announces_tools`: its turn may still be cancelled when it calls a tool (`settled` of relay.agents.seam.ToolCall).
    """

    no_sdk: ClassVar[str] = ""
    announces_tools: ClassVar[bool] = True
    path: ClassVar[str]
    conversation: ClassVar[type[VendorConversation]]

    def __init__(
        self, script: AgentScript, *, api_key: str = "key_of_nobody", timeline: Timeline | None = None
    ) -> None:
        self.script = script
        self.api_key = api_key
        self.timeline = timeline or Timeline()
        self.conversations: list[VendorRecord] = []

    def authorized(self, request: web.Request) -> bool:
        """Whether the client authenticated the way the vendor expects."""
        raise NotImplementedError

    def app(self) -> web.Application:
        """A new application."""
        app = web.Application()
        app.router.add_get(self.path, self._converse)
        return app

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        if not self.authorized(request):
            return web.json_response({"error": "invalid credentials"}, status=401)
        if self.script.upgrade_status != 101:
            return web.json_response({"error": "refused"}, status=self.script.upgrade_status)
        return await self.begin(request)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Hold the conversation."""
        conversation = self.new_conversation()
        self.conversations.append(conversation.record)
        return await conversation.run(request)

    def new_conversation(self) -> VendorConversation:
        """One that has not begun."""
        return self.conversation(self.script, self.timeline)
