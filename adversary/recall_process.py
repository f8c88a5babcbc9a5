"""The process that pictures a classifier's classes beside the tap: one thread, at low priority, bounded."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from adversary.class_recall import FAILED, FINISHED, PREPARING, ClassRecall, RecallPlan
from adversary.settings import AdversarySettings
from keyhole.service import logs
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus

NICENESS = 5
"""Beside a feature attack's thread on the same core it gets a third of that thread's time."""
_RETRY_SECONDS = 1.0
_END_SECONDS = 1.0
_STATUS, _PICTURE = "status", "picture"
_log = logging.getLogger(__name__)


class RecallProcess:
    """Starts the process, follows it, and hands on what it makes. It ends with its parent, however that ends.

    Args:
        settings: of the adversary.
        plan: what is pictured.
        tell: called with how far it is, from threads of its own.
        send: hands a picture to the monitor; whether it need not be sent again.
        stop: nothing is sent any more.
    """

    def __init__(
        self,
        settings: AdversarySettings,
        plan: RecallPlan,
        tell: Callable[[RecallStatus], object],
        send: Callable[[ClassPicture], bool],
        stop: Stop,
    ) -> None:
        self._plan, self._tell, self._send, self._stop = plan, tell, send, stop
        self._waiting: dict[tuple[str, int], ClassPicture] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._newest = plan.status(PREPARING)
        context = multiprocessing.get_context("spawn")
        receiving, sending = context.Pipe(duplex=False)
        own = replace(settings, tap_token=None)
        self._process = context.Process(target=_work, args=(own, sending), name="recall", daemon=True)
        self._process.start()
        sending.close()
        for work in (lambda: self._follow(receiving), self._hand_on):
            threading.Thread(target=work, name="recall", daemon=True).start()

    def close(self) -> None:
        """End the process; finished pictures are kept, the others are begun again by the next."""
        self._closed = True
        with self._changed:
            self._changed.notify_all()
        self._process.terminate()
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()

    def _follow(self, receiving: Connection) -> None:
        """Take what the process says until it ends."""
        while True:
            try:
                kind, message = receiving.recv()
            except (EOFError, OSError):
                break
            if kind == _STATUS:
                self._newest = RecallStatus.FromString(message)
                self._tell(self._newest)
            else:
                self._hold(ClassPicture.FromString(message))
        self._process.join(_END_SECONDS)
        if self._newest.state not in (FINISHED, FAILED) and not self._closed:
            why = f"its process ended with exit code {self._process.exitcode}; the adversary's log says more"
            _log.error("classes are pictured no more", extra={"reason": why})
            self._tell(self._plan.status(FAILED, why, self._newest.finished))

    def _hold(self, picture: ClassPicture) -> None:
        with self._changed:
            self._waiting[picture.attack, picture.label] = picture
            self._changed.notify_all()

    def _hand_on(self) -> None:
        """Send the newest picture of each class; a final one until the monitor has it."""
        while not self._closed and not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed, _RETRY_SECONDS)
                pictures = dict(self._waiting)
            for key, picture in pictures.items():
                if not self._send(picture) and picture.final:
                    self._stop.wait(_RETRY_SECONDS)
                    break
                with self._changed:
                    if self._waiting.get(key) is picture:
                        del self._waiting[key]


def _work(settings: AdversarySettings, pipe: Connection) -> None:
    """The process: what `RecallProcess` is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the adversary, which ends this
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.nice(NICENESS)
    torch.set_num_threads(1)
    logs.configure("adversary", settings.log)

    def tell(status: RecallStatus) -> None:
        pipe.send((_STATUS, status.SerializeToString()))

    def show(picture: ClassPicture) -> None:
        pipe.send((_PICTURE, picture.SerializeToString()))

    plan = RecallPlan.of(settings)
    try:
        ClassRecall(settings, plan, tell, show).run()
    except (UsageError, OSError) as error:
        _log.error("classes are not pictured", extra={"reason": str(error)})
        tell(plan.status(FAILED, str(error)[:128]))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
