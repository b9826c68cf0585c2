"""How secrets look that tell themselves by a prefix: one table, what it is called → prefixes, and what follows.

A prefix ends in `_`, `-` or `.`, which is what the search looks for. Bodies are bounded and possessive, so that
reading one costs no more than its length. Sources: the vendors' documentation and the rules of secret scanners.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OF_WORD = "[A-Za-z0-9_-]"
MAX_BODY = 4096
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-fA-F]"


@dataclass(frozen=True, slots=True)
class SecretKind:
    """One kind of secret: the name that is shown in its place, how it begins, what follows."""

    name: str
    prefixes: tuple[str, ...]
    body: re.Pattern[str]


def _kind(name: str, body: str, *prefixes: str) -> SecretKind:
    return SecretKind(name, prefixes, re.compile(body))


def _run(letters: str, least: int) -> str:
    return f"{letters}{{{least},{MAX_BODY}}}+"


_DIGIT_SOON = f"(?={_ALNUM}{{0,40}}[0-9])"
_ALL_SORTS = rf"(?={OF_WORD}{{0,40}}[A-Z])(?={OF_WORD}{{0,40}}[a-z])(?={OF_WORD}{{0,40}}[0-9])"
_NAMED_SK = "(?!(?:proj|svcacct|admin|None|ant|or|lf|helicone)-)"
_UNNAMED_SK = "|".join(
    (
        # One long word; a word with a digit; words in a row of which the last is one; letters of all sorts.
        _run(_ALNUM, 32),
        _DIGIT_SOON + _run(_ALNUM, 20),
        rf"(?:[a-z0-9]{{1,12}}-){{1,3}}{_DIGIT_SOON}" + _run(_ALNUM, 16),
        _ALL_SORTS + _run(OF_WORD, 20),
    )
)

SECRET_KINDS = (
    _kind("Tracen key", _run(_ALNUM, 20), "tracen_sk_"),
    _kind("OpenAI key", _run(OF_WORD, 16), "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"),
    _kind("Anthropic key", _run(OF_WORD, 16), "sk-ant-"),
    _kind("OpenRouter key", _run(OF_WORD, 16), "sk-or-"),
    _kind("Langfuse key", _run(OF_WORD, 16), "sk-lf-"),
    _kind("Helicone key", _run(OF_WORD, 16), "sk-helicone-"),
    _kind("API key", f"{_NAMED_SK}(?:{_UNNAMED_SK})", "sk-"),
    _kind("Cerebras key", _run(_ALNUM, 32), "csk-"),
    _kind("xAI key", _run(_ALNUM, 32), "xai-"),
    _kind("Perplexity key", _run(_ALNUM, 32), "pplx-"),
    _kind("NVIDIA key", _run(OF_WORD, 32), "nvapi-"),
    _kind("Tavily key", rf"(?={OF_WORD}{{0,40}}[0-9])" + _run(OF_WORD, 20), "tvly-"),
    _kind("Firecrawl key", _run(_HEX, 32), "fc-"),
    _kind("Voyage key", rf"{_ALL_SORTS}{OF_WORD}{{43}}(?!{OF_WORD})", "pa-"),
    _kind("Groq key", _run(_ALNUM, 32), "gsk_"),
    _kind("Hugging Face token", _run(_ALNUM, 30), "hf_", "api_org_"),
    _kind("Replicate token", _run(_ALNUM, 32), "r8_"),
    _kind("Fireworks key", _DIGIT_SOON + _run(_ALNUM, 20), "fw_"),
    _kind("Together key", _run(OF_WORD, 32), "tgp_v1_"),
    _kind("Jina key", _run(OF_WORD, 32), "jina_"),
    _kind("Pinecone key", rf"{_ALNUM}{{4,8}}_" + _run(_ALNUM, 32), "pcsk_"),
    _kind("ElevenLabs key", _run(_HEX, 40), "sk_"),
    _kind("LangSmith key", _run("[0-9a-fA-F_]", 32), "lsv2_pt_", "lsv2_sk_", "ls__"),
    _kind("Logfire token", r"[a-z]{2}_" + _run(_ALNUM, 32), "pylf_v1_", "pylf_v2_"),
    _kind("PostHog key", _run(_ALNUM, 32), "phx_"),
    _kind("Weights & Biases key", _run(OF_WORD, 32), "wandb_v1_"),
    _kind("Google OAuth secret", _run(OF_WORD, 20), "GOCSPX-"),
    _kind("Google access token", _run(OF_WORD, 20), "ya29."),
    _kind("GitHub token", _run(_ALNUM, 30), "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _kind("GitHub token", _run(r"[A-Za-z0-9_]", 40), "github_pat_"),
    _kind(
        "GitLab token",
        _run(r"[A-Za-z0-9_.-]", 18),
        *("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glffct-", "glimt-", "glsoat-", "gloas-"),
        "glagent-",
    ),
    _kind("Slack token", _run(r"[A-Za-z0-9-]", 16), "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-"),
    _kind("Slack token", _run(r"[A-Za-z0-9.-]", 16), "xoxe-", "xoxe.", "xapp-"),
    _kind("Slack webhook", r"slack\.com/[a-z]{1,16}/" + _run("[A-Za-z0-9/+]", 20), "hooks."),
    _kind("Discord webhook", r"com/api/webhooks/[0-9]{8,24}/" + _run(OF_WORD, 20), "discord.", "discordapp."),
    _kind(
        "Stripe key", _run(_ALNUM, 16), *(f"{a}_{b}_" for a in ("sk", "rk") for b in ("live", "test", "prod"))
    ),
    _kind("Stripe webhook secret", _run("[A-Za-z0-9+/=]", 24), "whsec_"),
    _kind("npm token", _run(_ALNUM, 30), "npm_"),
    _kind("PyPI token", _run(OF_WORD, 32), "pypi-"),
    _kind("RubyGems token", _run(_HEX, 40), "rubygems_"),
    _kind("Docker token", _run(OF_WORD, 20), "dckr_pat_", "dckr_oat_"),
    _kind("SendGrid key", rf"{OF_WORD}{{16,32}}\." + _run(OF_WORD, 16), "SG."),
    _kind("Mailgun key", rf"{_HEX}{{32}}(?!{OF_WORD})", "key-"),
    _kind("Brevo key", _run(r"[A-Za-z0-9-]", 64), "xkeysib-"),
    _kind("DigitalOcean token", _run(_HEX, 40), "dop_v1_", "doo_v1_", "dor_v1_"),
    _kind("Shopify token", _run(_HEX, 32), "shpat_", "shpca_", "shppa_", "shpss_"),
    _kind("Square token", _run(OF_WORD, 20), "sq0atp-", "sq0csp-"),
    _kind("Linear key", _run(_ALNUM, 32), "lin_api_", "lin_oauth_"),
    _kind("Notion token", _run(_ALNUM, 40), "ntn_", "secret_"),
    _kind("Figma token", _run(OF_WORD, 32), "figd_"),
    _kind("Postman key", _run(r"[A-Za-z0-9-]", 40), "PMAK-"),
    _kind("Grafana token", _run(r"[A-Za-z0-9_+/=]", 32), "glsa_", "glc_"),
    _kind("New Relic key", _run(_ALNUM, 24), "NRAK-"),
    _kind("Sentry token", _run(r"[A-Za-z0-9_+/=]", 40), "sntrys_", "sntryu_"),
    _kind("Supabase key", _run(OF_WORD, 20), "sbp_", "sb_secret_"),
    _kind("PlanetScale token", _run(r"[A-Za-z0-9_=.-]", 32), "pscale_tkn_", "pscale_oauth_", "pscale_pw_"),
    _kind("Netlify token", _run(_ALNUM, 32), "nfp_"),
    _kind("Fly.io token", _run(r"[A-Za-z0-9_+/=-]", 40), "fo1_", "fm2_"),
    _kind("Heroku token", _run(OF_WORD, 40), "HRKU-"),
    _kind("Vault token", _run(OF_WORD, 20), "hvs.", "hvb.", "hvr."),
    _kind(
        "Doppler token",
        r"(?:[a-z_]{1,16}\.)?" + _run(_ALNUM, 32),
        *(f"dp.{a}." for a in ("pt", "st", "ct", "sa")),
    ),
    _kind("Prefect key", _run(_ALNUM, 32), "pnu_"),
    _kind("Pulumi token", _run(_HEX, 40), "pul-"),
    _kind("age key", _run("[A-Z0-9]", 50), "AGE-SECRET-KEY-"),
    _kind("1Password token", _run(r"[A-Za-z0-9+/=_-]", 60), "ops_"),
)
