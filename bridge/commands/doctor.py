"""`tracen doctor`: what is wrong with a set-up, and how it is mended."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from typing import TYPE_CHECKING, TextIO

import click
from click.core import ParameterSource

from bridge.console import DEFAULT_BASE_URL, db_option, json_option, key_option

if TYPE_CHECKING:
    from bridge.diagnosis.environment import Given
    from bridge.diagnosis.report import Report


@click.command()
@click.option(
    "--endpoint",
    metavar="URL",
    default=DEFAULT_BASE_URL,
    show_default=True,
    envvar="TRACEN_ENDPOINT",
    show_envvar=True,
    help="Where Tracen is.",
)
@key_option
@db_option
@click.option(
    "--post/--no-post",
    default=True,
    help="Try POST /api/traces too; it counts as one of the key's requests in this hour.",
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, endpoint: str, key: str | None, db: str, post: bool, as_json: bool) -> None:
    """Find what is wrong with a set-up: variables, network, TLS, key, disk; a test span goes through every door.

    The environment is read as an SDK would read it. Each check is a line, with the repair beneath it; the exit code
    is 1 where one fails. The test page is deleted again, if the key may.

    Example: TRACEN_KEY=tracen_sk_… tracen doctor
    """
    os.environ.setdefault(
        "GRPC_VERBOSITY", "NONE"
    )  # before grpc is imported: its errors reach us as exceptions
    from bridge.diagnosis import report
    from bridge.diagnosis.examination import Examination, Options

    options = Options(
        _given(ctx, "endpoint", endpoint),
        _given(ctx, "key", key or ""),
        db,
        is_db_chosen=ctx.get_parameter_source("db") is not ParameterSource.DEFAULT,
        posts=post,
    )
    examination = Examination(os.environ, options)
    writer, findings = _report(sys.stdout), []
    with closing(examination):
        for finding in examination.findings():
            findings.append(finding)
            click.echo(report.json_line(finding) if as_json else "\n".join(writer.lines(finding)))
            sys.stdout.flush()
    last = "\n".join(["", *writer.ending(findings)])
    click.echo(report.json_conclusion(findings) if as_json else last)
    ctx.exit(1 if report.is_failed(findings) else 0)


def _given(ctx: click.Context, name: str, text: str) -> Given:
    """An option with where it came from."""
    from bridge.diagnosis.environment import Given

    source = ctx.get_parameter_source(name)
    names = {
        ParameterSource.COMMANDLINE: f"--{name}",
        ParameterSource.ENVIRONMENT: f"TRACEN_{name.upper()}",
    }
    return Given(text, names.get(source, "") if source else "")


def _report(stream: TextIO) -> Report:
    from bridge.diagnosis.report import Report

    is_terminal = stream.isatty()
    try:
        "✓✗→".encode(stream.encoding)
    except (UnicodeEncodeError, LookupError):
        has_signs = False
    else:
        has_signs = is_terminal
    return Report(has_signs=has_signs, width=shutil.get_terminal_size().columns if is_terminal else None)
