"""`python -m examples.model_server [--port 0]` prints one line: ready http://127.0.0.1:…/v1."""

from __future__ import annotations

import argparse

from examples.model_server.server import new_server


def main() -> None:
    """Serve on loopback until the process is ended."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.model_server", description="A very small model behind well-known APIs."
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free one")
    server = new_server(parser.parse_args().port)
    print(f"ready http://127.0.0.1:{server.server_port}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
