"""The life of a process: signals, drain, exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

from keyhole.service import logs, memory
from keyhole.service.errors import UsageError
from keyhole.service.signals import heard

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
DRAIN_SECONDS = 8.0  # containers are killed after ten
LEFT_ALONE = signal.SIGUSR1
"""What a process sends itself when the one that started it is gone: SIGHUP may be ignored, as under nohup."""
_log = logging.getLogger(__name__)


class Stop(threading.Event):
    """Tells a process to finish. Set by SIGTERM and SIGINT, or by its owner; ``wait`` sleeps until then."""


def run(
    name: str, body: Callable[[Stop], None], log_format: logs.LogFormat = "text", *, drain: float = DRAIN_SECONDS
) -> int:
    """Run a process's body to its end.

    Args:
        name: process name in the logs.
        body: the work; returns when it is done or soon after ``stop`` is set.
        log_format: form of the log lines.
        drain: seconds from the first signal until the process is ended by force. A second signal ends it at once.

    Returns:
        The exit code: 0 for a clean end, 1 for a failure, 2 for a wrong argument (``UsageError``).
        A wrong argument is logged in one line, and with its traceback where KEYHOLE_LOG_LEVEL is debug; any other
        failure with its traceback always. What the process does afterwards, it does unhurried: ``LEFT_ALONE`` and
        SIGHUP are ignored once it was told to stop.
    """
    logs.configure(name, log_format)
    memory.keep_freed()
    stop = Stop()
    with _drained(stop, drain):
        try:
            body(stop)
        except UsageError as error:
            _log.error("%s", error, exc_info=_log.isEnabledFor(logging.DEBUG))
            return USAGE
        except Exception as error:
            _log.exception("%s: %s", type(error).__name__, error)
            return FAILED
    _log.info("stopped")
    return OK


@contextlib.contextmanager
def signals(stop: Stop, *, first: Callable[[str], object], again: Callable[[], object]) -> Iterator[None]:
    """Let signals set ``stop``: SIGTERM, SIGINT, ``LEFT_ALONE``, and SIGHUP where it is not ignored.

    Outside the main thread, where Python allows no handler, do nothing.

    Args:
        stop: set by the first signal.
        first: called with the first one's name, as ``heard`` calls.
        again: called at SIGTERM and SIGINT when ``stop`` is set already; the others hurry nobody.
    """
    urgent, gentle = (signal.SIGTERM, signal.SIGINT), [LEFT_ALONE]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        gentle.append(signal.SIGHUP)

    def hear(number: signal.Signals) -> None:
        if not stop.is_set():
            stop.set()
            first(number.name)
        elif number in urgent:
            again()

    with heard((*urgent, *gentle), hear):
        yield


@contextlib.contextmanager
def _drained(stop: Stop, drain: float) -> Iterator[None]:
    """End the process by force ``drain`` seconds after the first signal, and at once at the second."""
    watchdog = threading.Timer(drain, _give_up, [f"not drained within {drain:g} s"])
    watchdog.daemon = True

    def begin(name: str) -> None:
        _log.info("stopping", extra={"signal": name})
        watchdog.start()

    try:
        with signals(stop, first=begin, again=partial(_give_up, "second signal")):
            yield
    finally:
        watchdog.cancel()
        if stop.is_set() and threading.current_thread() is threading.main_thread():
            for number in (LEFT_ALONE, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)


def _give_up(reason: str) -> None:
    _log.error("ended by force", extra={"reason": reason})
    logging.shutdown()
    os._exit(FAILED)
