"""Secrets that are told by what stands beside them: options of a command line, headers, members of an object.

Written in a text: JSON, JSON in JSON, Python's spelling or a shell's. Each place is read a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracen_otel.secrets.names import is_flag, is_secret_name, may_be_secret
from tracen_otel.secrets.places import CREDENTIAL, OF_WORDS, Found
from tracen_otel.secrets.quotes import end_of_string, level_of
from tracen_otel.secrets.schemas import is_schema_of, tells_owner, tells_value
from tracen_otel.secrets.shapes import is_credential, is_password, looks_secret

# -- command lines ------------------------------------------------------------------------------------

_FLAG = re.compile(
    r"--(?<![\w-]--)([A-Za-z][\w-]{2,64}+)(?:(\\*+)([\"'])\s{0,8}+,\s{0,8}+\2\3(?!-)|[ =]([\"']?)(?=[^\s\"'\\<>${-]))"
)
_SHELL_WORD = re.compile(r"[^\s\"'\\,;|&<>]{4,4096}+")


def options(text: str) -> Iterator[Found]:
    """Find what stands behind `--password` and its like, in a shell's words or in a list of strings."""
    for flag in _FLAG.finditer(text):
        if not is_flag(f"--{flag[1]}"):
            continue
        if flag[3]:
            end, _ = end_of_string(text, flag.end(), flag[3], level_of(len(flag[2])))
            if is_credential(text[flag.end() : end]):
                yield Found(flag.end(), end, CREDENTIAL)
        elif (word := _SHELL_WORD.match(text, flag.end())) and _is_given(word[0]):
            yield Found(word.start(), word.end(), CREDENTIAL)


def _is_given(word: str) -> bool:
    """Prose may go on behind an option's name."""
    return is_credential(word) and is_password(word)


# -- pairs --------------------------------------------------------------------------------------------

_LIST = re.compile(r"\[\s{0,8}+(\\*+)([\"'])([A-Za-z][\w.-]{2,64}+)\1\2\s{0,8}+,\s{0,8}+\1\2")
_AFTER_PAIR = re.compile(r"\s{0,8}+\]")


def pairs(text: str) -> Iterator[Found]:
    """Find the values of headers that are written as lists of a name and a value."""
    at = text.find("[")
    while at >= 0:
        pair = _LIST.match(text, at)
        if pair and is_secret_name(pair[3]):
            start = pair.end()
            end, after = end_of_string(text, start, pair[2], level_of(len(pair[1])))
            is_certain = text[max(0, at - 8) : at].rstrip().endswith(("[", "],"))
            if _AFTER_PAIR.match(text, after) and _is_secret(is_certain, pair[3], text[start:end]):
                yield Found(start, end, CREDENTIAL)
        at = text.find("[", at + 1)


_MAX_BACK = 160
_QUOTES = "\"'\\"


def name_beside(text: str, at: int) -> str:
    """The name of a header where it is written as `{"name": "x-api-key", "value": …}`, by where `value` begins.

    Of other names nothing is told.
    """
    before = text[max(0, at - _MAX_BACK) : at].rstrip(_QUOTES).rstrip()
    quoted = before[:-1].rstrip()
    if before[-1:] != "," or quoted[-1:] not in ('"', "'"):
        return ""
    unquoted = quoted.rstrip(_QUOTES)
    named = unquoted.rstrip(OF_WORDS + ".")
    name = unquoted[len(named) :]
    is_name = named.rstrip(_QUOTES + ": ").endswith(("name", "key"))
    return name if is_name and is_secret_name(name) else ""


def _is_secret(is_certain: bool, name: str, value: str) -> bool:
    return is_credential(value) if is_certain else looks_secret(name, value)


# -- objects ------------------------------------------------------------------------------------------

_MAX_MEMBERS = 32
_MEMBER = re.compile(
    r"[\s,]{0,64}+(?:(\\*+)([\"'])([\w.$-]{1,64}+)\1\2\s{0,8}+:\s{0,8}+)?"
    r"(?:(\\*+)([\"'])|([\[{}\]])|[\w.+-]{1,32}+)"
)


def members(text: str, at: int, is_certain: bool) -> Iterator[Found]:
    """Find the secrets of an object that stands under a secret name, by its opening brace."""
    names: set[str] = set()
    strings: list[tuple[str, int, int]] = []
    name, depth, kind = "", 0, ""
    for _ in range(_MAX_MEMBERS):
        member = _MEMBER.match(text, at)
        if member is None:
            break
        at, name = member.end(), member[3] or name
        if depth == 1 and member[3]:
            names.add(name)
        if member[5]:
            start = at
            end, at = end_of_string(text, start, member[5], level_of(len(member[4])))
            strings.append((name, start, end))
            kind = text[start:end] if depth == 1 and name == "type" else kind
        elif member[6]:
            depth += 1 if member[6] in "[{" else -1
            if depth == 0:
                break
    if not is_schema_of(names, kind):
        yield from _secrets_of(text, strings, is_certain)


def _secrets_of(text: str, strings: list[tuple[str, int, int]], is_certain: bool) -> Iterator[Found]:
    for name, start, end in strings:
        if is_secret_name(name) or may_be_secret(name) or tells_owner(name):
            continue  # they are found by themselves
        if _is_secret(is_certain and tells_value(name), name, text[start:end]):
            yield Found(start, end, CREDENTIAL)
