"""`tracen` and `python -m bridge`; says which extra to install where the server's packages are missing."""

import io
import os
import sys


def _open_streams() -> None:
    """Have a stdin, stdout and stderr that whoever started us closed: the next file would take their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def main() -> None:
    _open_streams()
    _write_all_characters()
    try:
        from bridge.cli import tracen
        from bridge.endings import run_to_end
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.partition(".")[0] in ("bridge", "viewer", "tracen_otel"):
            raise
        sys.stderr.write(
            f"tracen: the package {missing.name!r} is missing; pip install 'tracen-otel[server]'\n"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    run_to_end(tracen)


def _write_all_characters() -> None:
    """What a terminal's encoding does not have becomes a ?, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            is_whole = stream.encoding.lower() == "utf-8" and stream.errors == "surrogateescape"
            if not is_whole:  # which keeps the bytes of names of files
                stream.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
