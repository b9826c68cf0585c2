"""Loaded by every Python as it starts: looks out for OpenTelemetry, then gives way to the sitecustomize that is meant.

Must be readable for any Python 3, import next to nothing, and never fail.
"""

import os
import sys


def _begin():
    # type: () -> None
    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.version_info >= (3, 9) and os.environ.get("TRACEN_RUN"):
        try:
            import tracen_watch  # type: ignore[import-not-found]

            tracen_watch.begin(os.environ["TRACEN_RUN"])
        except Exception:  # noqa: S110 - a program runs as well without being watched
            pass
    sys.path[:] = [path for path in sys.path if path != folder]
    _give_way()


def _give_way():
    # type: () -> None
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'sitecustomize'", name="sitecustomize")
    module = sys.modules["sitecustomize"] = module_from_spec(spec)
    spec.loader.exec_module(module)


_begin()
