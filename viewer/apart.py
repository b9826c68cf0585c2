"""`python -m viewer.apart`: a process for one piece of work, which comes on stdin and whose outcome goes to stdout.

Both are pickled: the two ends are one program. Where the other end is gone it ends without a word.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys

_NICE = 5
"""What is large has waited already: ingest and small pages come first."""


def main() -> None:
    """Do the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server ends us
    os.nice(_NICE)
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError), os.fdopen(1, "wb") as answer:
        sys.stdout = sys.stderr  # what is printed by mistake must not be read as the answer
        work, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
        try:
            outcome, error = work(*args, **kwargs), None
        except Exception as raised:  # told to the caller
            outcome, error = None, raised
        pickle.dump((outcome, error), answer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
