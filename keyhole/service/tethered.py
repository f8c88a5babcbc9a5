"""``keyhole``, tied to the process that started it: it is told to stop when that one ends, however that ends.

Its standard input is a pipe that nobody writes into; the system closes it with the other process.
"""

from __future__ import annotations

import os
import threading

from keyhole import cli
from keyhole.service.lifecycle import LEFT_ALONE


def main() -> None:
    """The console script, tethered."""
    threading.Thread(target=_follow, name="tether", daemon=True).start()
    cli.main()


def _follow() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), LEFT_ALONE)


if __name__ == "__main__":
    main()
