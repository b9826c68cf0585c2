"""`tracen` and `python -m bridge`; says which extra to install where the server's packages are missing."""

import sys


def main() -> None:
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


if __name__ == "__main__":
    main()
