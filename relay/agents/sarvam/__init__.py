"""Sarvam's conversational agents, for Indian languages (other-agents.md B6)."""

from relay.agents.sarvam.options import SarvamOptions
from relay.agents.sarvam.session import configure
from relay.agents.vendor import Vendor

VENDORS = {
    "sarvam": Vendor(
        title="Sarvam",
        configure=configure,
        options=SarvamOptions,
        key_env="SARVAM_API_KEY",  # no KeyCheck: no free request is documented
        heard="pcm_16000",
        spoken="pcm_16000",
        needs={"org_id": "ORG", "workspace_id": "WORKSPACE", "app_id": "APP"},
        lacks=frozenset({"tools", "notes"}),
    )
}
