"""A secret of every kind that is masked, made up for tests: none was ever valid, each is told from the others."""

from __future__ import annotations

import base64
import json

_MIXED = "aZ3bY4cX5dW6eV7fU8gT9hS0iR1jQ2kP3lO4mN5"
_HEX = "0123456789abcdef"


def _web_token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "canary-4711", "exp": 1924991999})
    encoded = [base64.urlsafe_b64encode(json.dumps(p, separators=(",", ":")).encode()) for p in parts]
    return ".".join([*(e.decode().rstrip("=") for e in encoded), _MIXED])


def _private_key() -> str:
    lines = "\n".join(f"MIIEcanary{n:02d}{_MIXED}" for n in range(8))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


SECRET_BY_KIND = {
    "Tracen key": "tracen_sk_" + _MIXED[:36],
    "OpenAI key": "sk-proj-" + _MIXED + "T3BlbkFJ" + _MIXED,
    "Anthropic key": "sk-ant-api03-" + _MIXED + "_-" + _MIXED + "AA",
    "OpenRouter key": "sk-or-v1-" + _HEX * 4,
    "Langfuse key": "sk-lf-01234567-89ab-cdef-0123-456789abcdef",
    "API key": "sk-" + _HEX * 2,
    "Cerebras key": "csk-" + _HEX * 3,
    "xAI key": "xai-" + _MIXED * 2,
    "Perplexity key": "pplx-" + _MIXED,
    "NVIDIA key": "nvapi-" + _MIXED + "-_" + _MIXED,
    "Tavily key": "tvly-dev-" + _MIXED[:32],
    "Groq key": "gsk_" + _MIXED + _MIXED[:13],
    "Hugging Face token": "hf_" + "abcdefghijklmnopqABCDEFGHIJKLMNOPQ",
    "Replicate token": "r8_" + _MIXED[:37],
    "Pinecone key": "pcsk_4Xy7Z_" + _MIXED + _MIXED,
    "LangSmith key": "lsv2_pt_" + _HEX * 2 + "_" + _HEX[:10],
    "Logfire token": "pylf_v1_us_" + _MIXED,
    "Google key": "AIza" + _MIXED[:35],
    "Google OAuth secret": "GOCSPX-" + _MIXED[:28],
    "AWS key": "AKIACANARY4711QRSTUV".replace("1", "7"),
    "GitHub token": "ghp_" + _MIXED[:36],
    "GitLab token": "glpat-" + _MIXED[:20],
    "Slack token": "xoxb-123456789012-1234567890123-" + _MIXED[:24],
    "Slack webhook": "hooks.slack.com/services/T0CANARY1/B0CANARY2/" + _MIXED[:24],
    "Stripe key": "sk_live_" + _MIXED[:24],
    "npm token": "npm_" + _MIXED[:36],
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + _MIXED * 2,
    "SendGrid key": "SG." + _MIXED[:22] + "." + _MIXED + "abcd",
    "DigitalOcean token": "dop_v1_" + _HEX * 4,
    "Vault token": "hvs." + _MIXED + _MIXED,
    "JWT": _web_token(),
    "private key": _private_key(),
    "card number": "4242 4242 4242 4242",
}
"""What is shown in place of each, and the secret; they tell themselves wherever they stand."""

SECRET_IN_CONTEXT = {
    "password": ("postgres://agent:{}@db.example:5432/runs", "hunter2-canary"),
    "header": ("Authorization: Bearer {}", "opaque0canary1opaque2"),
    "scheme": ("[('authorization', 'Bearer {}')]", "opaque0canary1opaque2"),
    "basic": ("Authorization: Basic {}", base64.b64encode(b"agent:canary-4711").decode()),
    "member": ('{{"api_key": "{}", "max_tokens": 5}}', "canary four seven eleven"),
    "member of a member": ('{{"body": "{{\\"password\\": \\"{}\\"}}"}}', "canary-4711"),
    "repr": ("{{'client_secret': '{}'}}", "canary-4711"),
    "header with a name": ("x-api-key: {}", "canary4711canary"),
    "cookie": ("Set-Cookie: session={}; Path=/", "canary4711"),
    "variable": ("export MISTRAL_API_KEY={}", "canaryABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "query": ("https://api.example/v1?access_token={}&max_tokens=5", "canary4711"),
}
"""Texts with a gap, and a secret that is one because of what stands around it."""


def texts_with_secrets() -> dict[str, tuple[str, str]]:
    """By kind: a text, and the secret that must not be left of it."""
    told = {kind: (f"Use {secret} for it.", secret) for kind, secret in SECRET_BY_KIND.items()}
    return told | {kind: (text.format(secret), secret) for kind, (text, secret) in SECRET_IN_CONTEXT.items()}
