"""How attacks begin: at once, beside the frames, or when the oracle is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

import torch

from keyhole.attacks.base import OracleAwayError
from keyhole.service.lifecycle import Stop

RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


def begin_attacks(
    waiting: Sequence[Callable[[], object]],
    others: Sequence[Callable[[], object]],
    last: Callable[[], object],
    threads: int,
    stop: Stop,
) -> tuple[list[threading.Thread], list[Exception]]:
    """Begin attacks. Those that ask an oracle which is not there begin beside the frames, and so does the blind
    attacker; where some were trained before, all do, so that these need not wait until others have loaded their models.

    Args:
        waiting: that were trained before, which a frame must show to be for this.
        others: one that cannot begin ends the adversary.
        last: the blind attacker.
        threads: of one tensor operation.
        stop: set where one of the others fails.

    Returns:
        The threads that begin them, and what one of the others failed with.
    """
    failures: list[Exception] = []

    def begin_others() -> None:
        torch.set_num_threads(threads)
        try:
            later = [begin for begin in others if not _begun(begin)]
        except Exception as error:
            failures.append(error)
            stop.set()
        else:
            _begin_later([*later, last], threads, stop)

    works: list[Callable[[], object]]
    if waiting:
        works = [partial(_begin_later, waiting, threads, stop), begin_others]
    else:
        later = [begin for begin in others if not _begun(begin)]
        works = [partial(_begin_later, [*later, last], threads, stop)]
    beginning = [threading.Thread(target=work) for work in works]
    for thread in beginning:
        thread.start()
    return beginning, failures


def _begun(begin: Callable[[], object]) -> bool:
    """Begin an attack; whether the oracle, if it asked one, was there."""
    try:
        begin()
    except OracleAwayError as error:
        _log.info("an attack waits for the oracle", extra={"reason": str(error)})
        return False
    return True


def _begin_later(begins: Sequence[Callable[[], object]], threads: int, stop: Stop) -> None:
    """Begin attacks, each as soon as the oracle is there; one that cannot begin does not end the others."""
    torch.set_num_threads(threads)
    for begin in begins:
        try:
            while not stop.is_set() and not _begun(begin):
                stop.wait(RETRY_SECONDS)
        except Exception:
            if not stop.is_set():
                _log.exception("an attack does not run")
