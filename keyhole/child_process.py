"""The ``keyhole`` command as a child that is told to stop when its parent ends, however that ends.

Its standard input is a pipe that nobody writes to. The system closes it together with the parent.
"""

from __future__ import annotations

import os
import threading

from keyhole import cli
from keyhole.service.lifecycle import LEFT_ALONE


def main() -> None:
    """The console script, and a thread that follows the parent."""
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    cli.main()


def _follow_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), LEFT_ALONE)


if __name__ == "__main__":
    main()
