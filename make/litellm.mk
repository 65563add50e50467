# A gateway that others wrote: LiteLLM's proxy, through which the relay speaks with OpenAI's fake (tests/contract).
chaos: .cache/litellm/.installed
