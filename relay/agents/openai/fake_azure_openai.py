"""A fake OpenAI Realtime at Azure: the same messages at another address."""

from aiohttp import web

from relay.agents.openai.fake import FakeOpenAI, OpenAIConversation


class AzureConversation(OpenAIConversation):
    """One session."""

    name = "azure_openai"


class FakeAzureOpenAI(FakeOpenAI):
    """Serve `app()` and give its URL as the option `base_url`."""

    path = "/openai/v1/realtime"
    conversation = AzureConversation

    def authorized(self, request: web.Request) -> bool:
        """A key in a header of Azure's own, and the deployment."""
        return request.headers.get("api-key") == self.api_key and bool(request.query.get("model"))
