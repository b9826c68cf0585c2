"""`tracen convert`: OTLP in files to payloads, without a server."""

from __future__ import annotations

import click

from bridge.console import check_files


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--logs", multiple=True, metavar="FILE", help="OTLP log bodies whose events belong to the spans."
)
@click.option("--extended", is_flag=True, help="Add the documented extension to every payload.")
@click.option("--redact/--no-redact", default=True, show_default=True, help="Mask secrets.")
def convert(files: tuple[str, ...], logs: tuple[str, ...], extended: bool, redact: bool) -> None:
    """Turn OTLP trace request bodies (.pb, .json; - is stdin) into payloads, one JSON line a trace.

    Example: tracen convert request.pb | jq .title
    """
    from bridge.convert import convert as convert_files
    from tracen_otel.otlp import UndecodableBody
    from viewer.logs import one_line

    check_files((*files, *logs))
    try:
        for line in convert_files(files, logs, extended=extended, redacts=redact):
            click.echo(line)
    except UndecodableBody as error:
        raise click.ClickException(one_line(str(error))) from None
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise click.ClickException(one_line(named)) from None
