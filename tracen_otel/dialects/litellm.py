"""LiteLLM: OTel GenAI and OpenLLMetry keys; its own are the provider's model and errors."""

from tracen_otel.dialects.table import Dialect, Reading
from tracen_otel.usage import read_usage

LITELLM = Dialect(
    name="LiteLLM",
    provider_name=(Reading("error.llm_provider"),),
    usage=(Reading("metadata.usage_object", read_usage),),
)
