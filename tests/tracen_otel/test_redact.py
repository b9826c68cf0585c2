"""Secrets are masked wherever they stand, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.tracen_otel.captured import CAPTURES, CORPUS, logs_in, spans_in
from tests.tracen_otel.made_secrets import SECRET_BY_KIND, texts_with_secrets
from tracen_otel.machine import without_machine
from tracen_otel.model import Event, LogRecord, Scope, Span
from tracen_otel.redact import WITHHELD, Redaction

REDACTION = Redaction()
TEXTS = texts_with_secrets()
NO_SECRETS = (
    "sk-learn and scikit-learn are the same; see sk-estimator-check-and-other-long-names",
    "task-0123456789abcdef0123456789 and risk-assessment-for-2026-and-later",
    "call_9a8b7c6d5e4f3a2b1c0d9e8f toolu_01XFDUDYJgAACzvnptvVoYEL msg_01XFDUDYJgAACzvnptvVoYEL",
    "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz0123 resp_0123456789abcdef0123456789abcdef",
    "3f2a1b0c-4242-4242-8242-424242424242 4bf92f3577b34da6a3ce929d0e0e4736",
    "started at 1795506246548000000 ns, 1795506246548000 us, 1795506246548 ms",
    "0.4242424242424242 and 4242424242424242.5 and -4.242424242424242e+16",
    '{"user_id": "4242424242424242", "id": 5555555555554444}',
    "4242 4242 4242 4243 has a wrong check digit; 1234 5678 9012 3456 is nobody's",
    '{"max_tokens": 4096, "input_tokens": 12, "token_count": 3, "tokens": ["a", "b"]}',
    '{"logprobs": [{"token": "Hello", "logprob": -0.1}], "eos_token": "</s>", "next_page_token": "CAoQAA"}',
    '{"properties": {"password": {"type": "string"}, "api_key": {"type": "string"}}, "required": ["password"]}',
    '{"password": "string", "api_key": null, "authorization": "", "secret": true, "token": "<REDACTED>"}',
    "client = OpenAI(api_key=os.environ['OPENAI_API_KEY']); password = getpass(); token = tokens[0]",
    "Authorization: Bearer $TOKEN\nAuthorization: Bearer <token>\nx-api-key: {api_key}",
    "The password: at least eight characters. The secret: practice. A token: the smallest unit.",
    "https://example.com:8080/a@b?q=1 ssh://git@github.com/a/b.git mailto:somebody@example.com",
    "postgres://user:${DB_PASSWORD}@host/db http://{user}:{password}@host/",
    "-----BEGIN CERTIFICATE-----\nMIIDXTCCAkWgAwIBAgIJAJC1\n-----END CERTIFICATE-----",
    "A header of -----BEGIN PRIVATE KEY----- tells that a private key follows; none does here.",
    "getpass(prompt='Password: ', stream=None), the 'Cookie:' header, and \"api_key=\" + key",
    "description: question, condition and location of the function; keyboard=qwerty, monkey=7",
)


@pytest.mark.parametrize("kind", SECRET_BY_KIND)
def test_a_secret_that_tells_itself_is_masked_with_its_kind(kind: str) -> None:
    """Each kind of secret is replaced by words that name it, and the text around it stays."""
    masked, count = REDACTION.text(TEXTS[kind][0])

    assert masked == f"Use [masked: {kind}] for it."
    assert count == 1


@pytest.mark.parametrize("kind", TEXTS)
def test_no_secret_is_left_wherever_it_stands(kind: str) -> None:
    """A secret does not survive at the edges of a text, in lines, in JSON, in JSON in JSON, or in an URL's escapes."""
    text, secret = TEXTS[kind]
    in_json = json.dumps({"messages": [{"content": f"first line\n{text}"}]})
    twice = json.dumps({"arguments": in_json, "next": [text]})
    for whole in (text, f"{text}\n{text}", f"ü{text}–", f"\t{text}\r\n", in_json, twice, json.dumps([twice])):
        masked, count = REDACTION.text(whole)

        assert _body_of(secret) not in masked
        assert count >= 1
        if whole in (in_json, twice):
            assert json.loads(masked)


@pytest.mark.parametrize("kind", TEXTS)
def test_what_is_masked_is_not_masked_again(kind: str) -> None:
    """Masking twice is masking once, and the second time counts nothing."""
    for text in (TEXTS[kind][0], json.dumps({"a": TEXTS[kind][0]}), json.dumps(json.dumps([TEXTS[kind][0]]))):
        masked, _ = REDACTION.text(text)

        assert REDACTION.text(masked) == (masked, 0)


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_resembles_a_secret_stays(text: str) -> None:
    """Ids, times, counts of tokens, schemas, code that reads a key, and prose are no secrets."""
    for whole in (text, json.dumps({"content": text}), json.dumps(json.dumps([text]))):
        assert REDACTION.text(whole) == (whole, 0)


def test_a_text_is_masked_in_several_places() -> None:
    """Every secret of a text is masked, and each is counted."""
    secrets = [*SECRET_BY_KIND.values()]

    masked, count = REDACTION.text(" and ".join(secrets))

    assert count == len(secrets)
    assert masked == " and ".join(f"[masked: {kind}]" for kind in SECRET_BY_KIND)


def test_a_private_key_that_breaks_off_is_masked() -> None:
    """SDKs cut long attributes: half a key is a secret too, and so is a string without an end."""
    key = SECRET_BY_KIND["private key"][:250]
    for text in (key, json.dumps(key)[:240], f'{{"key": "{json.dumps(key)[1:230]}'):
        assert "canary0" not in REDACTION.text(text)[0]
    assert REDACTION.text('{"password": "canary-47') == ('{"password": "[masked: credential]', 1)


def test_a_bare_card_number_in_json_leaves_json() -> None:
    """A number without quotes is replaced by a string, with the quotes of the JSON it stands in."""
    inner = '{"card": 4242424242424242, "cards": [5555555555554444]}'
    for text in (inner, json.dumps({"body": inner}), json.dumps({"b": json.dumps({"c": inner})})):
        masked, count = REDACTION.text(text)

        assert count == 2
        value = json.loads(masked)
        while "card" not in value:
            value = json.loads(next(iter(value.values())))
        assert value == {"card": "[masked: card number]", "cards": ["[masked: card number]"]}


FIELDS: dict[str, Callable[[str], Span]] = {
    "name": lambda t: _span(name=t),
    "status message": lambda t: _span(status_message=t),
    "attribute": lambda t: _span(attributes={"input.value": t}),
    "attribute key": lambda t: _span(attributes={t: 1}),
    "bytes": lambda t: _span(attributes={"body": t.encode()}),
    "list": lambda t: _span(attributes={"args": ["run", t]}),
    "nested": lambda t: _span(attributes={"a": {"b": [{"c": t}, (t,)]}}),
    "event name": lambda t: _span(events=(Event(t),)),
    "event attribute": lambda t: _span(events=(Event("e", 1, {"exception.message": t}),)),
    "event body": lambda t: _span(events=(Event("e", 1, {}, {"content": [t]}),)),
    "scope": lambda t: _span(scope=Scope(t, "1")),
    "scope version": lambda t: _span(scope=Scope("s", t)),
    "resource": lambda t: _span(resource={"service.namespace": t}),
}


def _span(**fields: Any) -> Span:
    return Span(**{"trace_id": "a" * 32, "span_id": "b" * 16, "name": "chat", **fields})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", TEXTS)
def test_no_field_of_a_span_keeps_a_secret(kind: str, field: str) -> None:
    """Wherever a secret stands in a span, it is masked and counted, and once is enough."""
    text, secret = TEXTS[kind]

    masked = REDACTION.span(FIELDS[field](text))

    assert _body_of(secret) not in repr(masked)
    assert masked.masked >= 1
    assert REDACTION.span(masked) is masked


def test_a_clean_span_is_the_same_object() -> None:
    """Nothing is copied where nothing is found."""
    span = _span(attributes={"a": ["x", {"b": 1.5}], "n": None}, events=(Event("e", 1, {"k": b"v"}),))
    record = LogRecord("a" * 32, "b" * 16, span.events[0])

    assert REDACTION.span(span) is span
    assert REDACTION.log_record(record) is record
    assert REDACTION.payload(payload := {"prompt": "hi", "steps": [{"name": "s"}]}) == (payload, 0)


def test_a_log_record_is_masked_and_counted() -> None:
    """What a log record tells of a span is masked as what the span tells."""
    record = LogRecord("a" * 32, "b" * 16, Event("e", 1, {"a": "x"}, {"content": TEXTS["OpenAI key"][0]}))

    masked = REDACTION.log_record(record)

    assert masked.event.body == {"content": "Use [masked: OpenAI key] for it."}
    assert masked.masked == 1


@pytest.mark.parametrize(
    "name",
    [
        *(
            "authorization",
            "http.request.header.authorization",
            "x-api-key",
            "api_key",
            "apiKey",
            "OPENAI_API_KEY",
        ),
        *(
            "password",
            "db.password",
            "client_secret",
            "clientSecret",
            "access_token",
            "refreshToken",
            "set-cookie",
        ),
        *(
            "http.request.header.cookie",
            "private_key",
            "aws_secret_access_key",
            "x-vault-token",
            "x-tracen-key",
        ),
    ],
)
def test_a_secret_name_masks_whatever_stands_under_it(name: str) -> None:
    """A value under a name that says it is secret is masked, in a list of them too."""
    masked = REDACTION.span(_span(attributes={name: "canary, four", "list": {name: ["canary", "b"]}}))

    assert masked.attributes[name] == "[masked: credential]"
    assert "canary" not in repr(masked)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "gen_ai.usage.input_tokens",
            "max_tokens",
            "llm.token_count.prompt",
            "token_type",
            "next_page_token",
        ),
        *(
            "key",
            "keyword",
            "secretary",
            "password_hint_url",
            "passwordless",
            "authorization_url",
            "cookie_policy",
        ),
        *("gen_ai.response.finish_reasons", "monkey", "llm.prompts", "session.id", "api_key_id", "token"),
    ],
)
def test_other_names_mask_nothing(name: str) -> None:
    """A name that only resembles a secret's says nothing of its value."""
    span = _span(attributes={name: "four score and seven"})

    assert REDACTION.span(span) is span


def test_a_header_that_is_written_as_a_pair_is_masked() -> None:
    """Lists of headers have the name beside the value."""
    headers = [{"name": "X-Api-Key", "value": "canary"}, {"key": "accept", "value": "text/html"}]

    masked, count = REDACTION.json({"headers": headers})

    assert masked == {"headers": [{"name": "X-Api-Key", "value": "[masked: credential]"}, headers[1]]}
    assert count == 1


ESCAPES: dict[str, Any] = {
    "user and password": {"auth": "ada:canary47"},
    "cookies": {"cookies": {"session": "canary4711Canary"}},
    "attribute of OTLP": {"key": "api_key", "value": {"stringValue": "canary four"}},
    "objects": {"passwords": [{"value": "canary"}]},
    "passphrase": {"passphrase": "canary four"},
    "plural": {"api_keys": ["canary four", "canary five"]},
    "plural of passwords": {"passwords": "canary four"},
    "tokens": {"tokens": ["canary4711Canary", "eyJx0canary9x8"]},
    "access tokens": {"access_tokens": ["canary4711Canary"]},
    "secrets": {"secrets": {"openai": "canary4711Canary"}},
    "short name": {"pass": "hunter2-canary"},
    "shorter name": {"db_pwd": "canary!", "pwd": "hunter2canary"},
    "auth": {"auth": "Bearer canary4711"},
    "auth of user and password": {"auth": ["ada", "canary4711canary"]},
    "one word": {"PGPASSWORD": "canary"},
    "object": {"password": {"value": "canary four"}},
    "object with a type": {"password": {"type": "string", "value": "canary"}},
    "credentials": {"credentials": {"username": "ada", "password": "canary", "openai": "canary4711Canary"}},
    "authorization": {"authorization": {"bearer": "canary"}},
    "object in an object": {"credentials": {"data": {"value": ["canary"]}}},
    "command line": ["app", "--password", "canary", "--verbose"],
    "command line with a key": {"argv": ["app", "--api-key", "canary", "-v"]},
    "command line of two": ["--token", "canary"],
    "pair": ["x-api-key", "canary4711canary"],
    "pairs": {"headers": [["x-api-key", "canary"], ["accept", "text/html"]]},
    "tuples": {"headers": (("Authorization", "canary four"), ("accept", "text/html"))},
    "values": {"headers": [{"name": "x-api-key", "values": ["canary", "canary two"]}]},
}
STAYS: dict[str, Any] = {
    "schema": {
        "password": {"type": "string", "description": "the user's password"},
        "token": {"type": "string"},
    },
    "schema of pydantic": {
        "properties": {
            "api_key": {"title": "Api Key", "anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "credentials": {"$ref": "#/$defs/Credentials"},
            "auth": {"type": "object", "properties": {"token": {"type": "string"}}},
            "cookies": {"type": "array", "items": {"type": "string"}, "description": "Cookies of a session"},
        },
        "required": ["api_key", "password1"],
    },
    "counts": {"input_tokens": 5, "max_tokens": "4096", "tokens": 12, "usage.output_tokens": "12345678"},
    "pieces": {"tokens": ["Hello", "world1", "gpt2", "##ing"], "eos_tokens": ["</s>"]},
    "pieces with chances": {"tokens": [{"text": "Hello1234567", "logprob": -0.1}]},
    "parameter with a default": {"password": {"type": ["string", "null"], "default": "canary1234"}},
    "scheme of OpenAPI": {"authorization": {"type": "http", "scheme": "bearer"}},
    "test that passed": {"pass": "test_login[case-1]"},
    "names of secrets": {"secrets": ["OPENAI_API_KEY", "DB_PASSWORD_1"]},
    "verdicts": {"pass": "yes", "first_pass": "two-words", "pass_rate": "0.97"},
    "folders": {"pwd": "/home/ada/app2", "PWD": "~/app2", "cwd": "/x1"},
    "kinds of auth": {"auth": "oauth2", "auth_type": "aws4-hmac-sha256", "auth.method": "hmac-sha256"},
    "kind alone": {"auth": "aws4-hmac-sha256"},
    "whose": {
        "credentials": {"user_id": "u1234567890abc", "scope": "read:all-1", "expires_at": "2026-11-26T1"}
    },
    "names": ["api_key", "password"],
    "headers": ["authorization", "content-type"],
    "options": ["app", "--password", "--api-key", "--max-tokens", "4096"],
    "no secrets": {"headers": [["accept", "text/html"], ["host", "example.com"]]},
    "values of others": {"name": "colour", "values": ["canary4711canary"]},
}


@pytest.mark.parametrize("place", ESCAPES)
def test_a_secret_is_found_by_what_stands_around_it(place: str) -> None:
    """Plurals and short names, objects under a name, words of a command line and pairs of headers are followed."""
    masked, count = REDACTION.json({"in": ESCAPES[place]})

    assert count >= 1
    assert "canary" not in repr(masked)
    assert REDACTION.json(masked) == (masked, 0)


def test_a_word_of_a_command_line_may_hold_name_and_value() -> None:
    """In a list of words `--password=` tells that the rest of the word is secret; in prose it need not."""
    words = ["psql", "--password=canary", "--host=db"]

    assert REDACTION.json(words) == (["psql", "--password=[masked: credential]", "--host=db"], 1)
    assert REDACTION.text("Say --password=something") == ("Say --password=something", 0)


@pytest.mark.parametrize("place", ESCAPES)
def test_a_secret_is_found_in_json_by_what_stands_around_it(place: str) -> None:
    """So it is where the same is told as JSON, or as JSON in JSON: and JSON is left."""
    once = json.dumps({"in": ESCAPES[place]})
    for text in (once, json.dumps({"arguments": once}), json.dumps([json.dumps({"b": once})])):
        masked, count = REDACTION.text(text)

        assert count >= 1
        assert "canary" not in masked
        assert json.loads(masked)
        assert REDACTION.text(masked) == (masked, 0)


@pytest.mark.parametrize(
    "text",
    [
        "PGPASSWORD=canary psql -h db",
        "MYSQL_PWD=canary47! mysql",
        "deploy --password canary47 --verbose",
        "deploy --api-key=canary47",
        'deploy --password "canary47" now',
        "authorization: bearer canary4711canary",
        "curl -H 'x: bearer canary4711canary'",
        "subprocess.run(['app', '--token', 'canary'])",
    ],
)
def test_a_secret_is_found_in_a_command(text: str) -> None:
    """Variables and options of a command line are masked, and schemes in any spelling."""
    masked, count = REDACTION.text(text)

    assert count == 1
    assert "canary" not in masked
    assert REDACTION.text(masked) == (masked, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Use --password to set one, --api-key KEY for another and --token option for the rest.",
        "--password <password> --api-key $API_KEY --secret {secret}",
        "PWD=/home/ada/app2 OLDPWD=/x1/y2 if x: pass\nelse: auth = check1(pass_=1)",
        "the bearer certificate and basic authentication of a bearer of news",
        "first pass: 3 of 4; second pass=check2 tokens: 512, keys: k1 auth: sigv4-x1",
    ],
)
def test_prose_and_code_with_words_of_secrets_stay(text: str) -> None:
    """What tells how a command is called, or only uses the words, holds no secret."""
    for whole in (text, json.dumps({"content": text})):
        assert REDACTION.text(whole) == (whole, 0)


@pytest.mark.parametrize("place", STAYS)
def test_what_only_stands_where_secrets_do_stays(place: str) -> None:
    """Schemas, counts, verdicts, folders and kinds of authorization are no secrets."""
    value = {"in": STAYS[place]}

    assert REDACTION.json(value) == (value, 0)
    assert REDACTION.span(span := _span(attributes=value)) is span or REDACTION.span(span) == span
    for text in (json.dumps(value), json.dumps({"b": json.dumps(value)})):
        assert REDACTION.text(text) == (text, 0)


def test_ids_of_digits_are_no_card_numbers() -> None:
    """Steps are found by their ids: one that could be a card's number stays, also where a trace names its sources."""
    step = {"id": "4242424242424242", "parent_id": "5555555555554444", "name": "s"}
    payload = {"prompt": "p", "sources": {"prompt": "4242424242424242"}, "steps": [step]}

    masked, _ = REDACTION.payload(payload | {"response": TEXTS["JWT"][0]})

    assert masked["sources"] == payload["sources"]
    assert masked["steps"] == [step]


def test_what_a_resource_holds_counts_with_the_root_alone() -> None:
    """All spans of a process share a resource: its secrets are masked in each and counted once."""
    resource = {"service.namespace": TEXTS["OpenAI key"][0]}

    root, child = (REDACTION.span(_span(resource=resource, parent_id=parent)) for parent in (None, "c" * 16))

    assert (root.masked, child.masked) == (1, 0)
    assert child.resource == {"service.namespace": "Use [masked: OpenAI key] for it."}


def test_a_payload_is_masked_and_counts_by_step() -> None:
    """The count of a payload holds that of its steps, and is added to what the sender masked."""
    text = TEXTS["GitHub token"][0]
    payload = {
        "prompt": text,
        "masked": 3,
        "steps": [{"name": "a", "input": text, "masked": 2}, {"name": "b"}],
    }

    masked, count = REDACTION.payload(payload)

    assert count == 2
    assert masked["masked"] == 5
    assert [step.get("masked") for step in masked["steps"]] == [3, None]
    assert masked["steps"][1] is payload["steps"][1]  # type: ignore[index]


# -- what a user gives --------------------------------------------------------------------------------


def test_patterns_are_masked_besides_the_built_in_ones() -> None:
    """Strings and compiled patterns add to what is masked."""
    redaction = Redaction(redact=["CASE-[0-9]+", re.compile("(?i)internal")])

    masked, count = redaction.text(f"CASE-1 is Internal: {SECRET_BY_KIND['GitHub token']}")

    assert masked == "[masked: by your pattern] is [masked: by your pattern]: [masked: GitHub token]"
    assert count == 3


def test_a_hook_sees_what_the_built_in_patterns_leave() -> None:
    """A function is called with each text after the built-in patterns, and what it changes counts."""
    seen: list[str] = []

    def hook(text: str) -> str:
        seen.append(text)
        return text.replace("Ada", "[a person]")

    span = Redaction(hook).span(_span(name="Ada", attributes={"k": TEXTS["OpenAI key"][0]}))

    assert span.name == "[a person]"
    assert span.masked == 2
    assert "Use [masked: OpenAI key] for it." in seen


@pytest.mark.parametrize("pattern", ["x*", "(?=a)", "x*|b", ""])
def test_a_pattern_masks_nothing_where_it_matches_nothing(pattern: str) -> None:
    """What can match the empty text does not put masks between all letters."""
    redaction = Redaction([re.compile(pattern)])

    assert redaction.text("a cat") == ("a cat", 0)
    assert Redaction([re.compile("x*")]).text("axxa") == ("a[masked: by your pattern]a", 1)


@pytest.mark.parametrize("answer", [RuntimeError(), asyncio.CancelledError(), SystemExit(), None, 5])
def test_a_hook_that_fails_withholds_the_text(answer: object) -> None:
    """Where a hook raises, cancels, exits or gives back no text, that text is withheld and the rest goes out."""

    def hook(text: str) -> Any:
        if "odd" in text:
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return text

    span = Redaction(hook).span(_span(name="even", attributes={"a": "odd", "b": "even"}))

    assert span.attributes == {"a": WITHHELD, "b": "even"}
    assert (span.name, span.masked) == ("even", 1)


def test_switched_off_nothing_is_masked() -> None:
    """`redact=False` leaves everything as it came."""
    span = _span(name=SECRET_BY_KIND["OpenAI key"])

    assert Redaction(redact=False).span(span) is span
    assert Redaction(redact=False).payload({"prompt": span.name, "steps": []})[1] == 0


@pytest.mark.parametrize("redact", [None, 5, "text", b"b", {"a": 1}, ["("], [5], [""], object()])
def test_what_can_be_no_redaction_is_refused_with_what_could(redact: Any) -> None:
    """A wrong argument is told at once, with what would be accepted."""
    with pytest.raises(
        ValueError, match=r"redact: (expected True, False, a function|.*no regular expression)"
    ):
        Redaction(redact)


def test_deep_nesting_is_withheld() -> None:
    """What is nested deeper than anybody reads is withheld, not passed on unseen."""
    value: Any = SECRET_BY_KIND["OpenAI key"]
    for _ in range(5000):
        value = [value]

    masked, count = REDACTION.json(value)

    assert count == 1
    assert "sk-" not in repr(masked)


# -- properties ---------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text())
def test_any_text_is_masked_once(text: str) -> None:
    """Masking ends, and what it made stays as it is."""
    masked, _ = REDACTION.text(text)

    assert REDACTION.text(masked) == (masked, 0)


@given(JSON, st.sampled_from(sorted(TEXTS)), st.sampled_from(("note", "password", "authorization", "card")))
def test_json_stays_json(value: Any, kind: str, name: str) -> None:
    """A text that is JSON, with a secret in it, is JSON of the same shape afterwards, also within JSON."""
    text, secret = TEXTS[kind]
    whole = {"before": value, name: text, "after": [value, text]}
    for written in (
        json.dumps(whole),
        json.dumps(whole, ensure_ascii=False),
        json.dumps({"in": json.dumps(whole)}),
    ):
        masked, _ = REDACTION.text(written)

        read = json.loads(masked)
        inner = json.loads(read["in"]) if "in" in read else read
        assert inner.keys() == whole.keys()
        assert _body_of(secret) not in masked


# -- the corpus, and the cost -------------------------------------------------------------------------


def _folders() -> list[Any]:
    found = [file.parent for root in (CAPTURES, CORPUS) for file in root.rglob("request-*")]
    return sorted(set(found))


def test_nothing_in_captures_of_real_programs_is_taken_for_a_secret() -> None:
    """Several hundred captures hold no secrets: every span and log record of them stays as it is."""
    for folder in _folders():
        for span in spans_in(folder):
            public = replace(span, resource=without_machine(span.resource))
            assert REDACTION.span(public) is public, (folder, span.name)
        for record in logs_in(folder):
            assert REDACTION.log_record(record) is record, (folder, record.event.name)


REPEATED = (
    *(
        "sk-",
        "sk-a",
        "hf_",
        "hf_a",
        "_",
        "-",
        "=",
        ":",
        "://",
        "://a:",
        "://a:b@",
        "@",
        ".eyJ",
        "eyJ.",
        "eyJhbGciOi.",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\nMIIEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n",
    ),
    *(
        "0",
        "A",
        "AKIA",
        "AIza",
        "4242 ",
        "4242-4242 ",
        "4242424242424242",
        " 4242424242424242",
        "id: 4242424242424242,",
    ),
    *(
        '"password": "',
        '\\"password\\": \\"',
        "'token': '",
        "password=",
        "password='",
        'token="a b',
        "token=[",
        "x_token=",
    ),
    *(
        "password: ",
        "cookie: ",
        "cookie: a=b",
        "Authorization: Bearer ",
        "Bearer ",
        "zation:",
        "key:",
        "?sig=",
        "&sig=a",
    ),
    *(
        '"',
        '\\"',
        "\\",
        "[masked: ",
        "SG.",
        "hooks.slack.com/",
        "\\u00e9sk-",
        "é-",
        '"api_key": ["a", ',
        '{"password":"\\\\',
    ),
    *(
        '"password":{',
        '"password":{"a":"',
        '"password": {"a": {"value": "b", ',
        "'password':{'a':\"",
        '["x-api-key","',
        '{"name":"cookie","value":"',
        '{"name":"cookie","values":["',
        "--password ",
        "--password",
        '"--password","',
        '"--password", "-',
        "--",
        '"pass":"',
        '"auth": ["',
        "bearer ",
        "[",
        '["',
    ),
)
"""What a search that reads anything twice would choke on, from the patterns' own beginnings and signs."""


@pytest.mark.parametrize(
    "unit", [*REPEATED, *SECRET_BY_KIND.values(), *(s[: len(s) // 2] for s in SECRET_BY_KIND.values())]
)
@pytest.mark.parametrize("opening", ["", '{"a": "'])
def test_cost_grows_with_the_text_alone(unit: str, opening: str) -> None:
    """Four times the text is about four times the work, whatever it holds: quadratic work would be sixteen times."""
    short, long = (opening + unit * (size // len(unit)) for size in (20_000, 80_000))

    assert _cpu_s(long) < 10 * max(_cpu_s(short), 0.002)


def test_cost_of_megabytes_grows_with_the_text_alone() -> None:
    """So it is for megabytes in which everything stands beside everything."""
    unit = " ".join((*REPEATED, *SECRET_BY_KIND.values()))

    assert _cpu_s(unit * (4_000_000 // len(unit))) < 10 * _cpu_s(unit * (1_000_000 // len(unit)))


def _cpu_s(text: str) -> float:
    def once() -> float:
        started = time.thread_time()
        REDACTION.text(text)
        return time.thread_time() - started

    return min(once(), once())


def _body_of(secret: str) -> str:
    """A part of the secret that nothing else holds, and that JSON leaves as it is."""
    return secret.split("\n")[1] if "\n" in secret else secret[-12:]


@pytest.mark.parametrize(
    "text",
    [
        'password = getpass("Enter your password: ")\nif password:\n    print("thank you")',
        "It prints 'Enter password: ' and waits for ever. Why does it?",
        "url = base + '?api_key=' + key + '&q=' + query",
        "He said 'my password: ' isn't shown. She said \"it is\".",
    ],
)
def test_quote_that_ends_what_a_name_stands_in_costs_no_text(text: str) -> None:
    """The rest of a text is not taken for a value, and the JSON around it stays whole."""
    message = json.dumps([{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}])

    assert Redaction().text(text) == (text, 0)
    assert Redaction().text(message) == (message, 0)


@pytest.mark.parametrize(
    "text",
    [
        'api_key = "0123456789abcdef0123456789abcdef"',
        'const apiKey = "0123456789abcdef0123456789abcdef"',
        'password = "s3cr3tPass99"',
        "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        '{"password" : "s3cr3tPass99"}',
    ],
)
def test_blanks_around_a_sign_hide_nothing(text: str) -> None:
    """So code, INI files and credentials of AWS are written."""
    masked, count = Redaction().text(text)

    assert count == 1
    assert "[masked: credential]" in masked


def test_cards_without_quotes_cost_no_more_than_others() -> None:
    """Each of many bare numbers in a list is looked at once, however long the list is."""
    short, long = ('" [' + "4111111111111111," * n for n in (3_000, 24_000))

    assert _cpu_s(long) < 20 * _cpu_s(short)
