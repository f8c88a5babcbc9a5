"""Supervision of a run: a process that dies is reported to the monitor and started again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import grpc

from keyhole.demo.system import System
from keyhole.service.launcher import ProcessError
from keyhole.service.lifecycle import OK, USAGE
from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.channels import Backoff

TELL_SECONDS = 1.0
STEADY_SECONDS = 60.0  # a process that ran for so long is restarted without a longer pause
_LINES, _WIDTH = 12, 128
_MONITOR = "monitor"


@dataclass
class _Absence:
    """A process that is missing.

    Attributes:
        until: when it is started again, by the monotonic clock.
        presence: what the monitor is told.
        started: whether it was started again.
    """

    until: float
    presence: referee_pb2.Presence
    started: bool = False


class Supervisor:
    """Keeps a system running, and the monitor's page true about what does not.

    Args:
        system: all of it was started.
        revived: names of the processes that are restarted; the death of another ends the run.
        channel: to the monitor's truth port.
        say: takes messages for the user.
        backoff: seconds until a restart, by how often the process died in a row.
        clock: seconds, monotonic.

    Attributes:
        deaths: names of those that died, as often as they did.
    """

    def __init__(
        self,
        system: System,
        revived: Collection[str],
        channel: grpc.Channel,
        say: Callable[[str], object],
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        self._revived = revived
        self._referee = referee_pb2_grpc.RefereeStub(channel)
        self._say = say
        self._backoff = backoff or Backoff(first=1.0, most=30.0)
        self._clock = clock
        self._absent: dict[str, _Absence] = {}
        self._untold: dict[str, referee_pb2.Presence] = {}
        self._since = dict.fromkeys(system.launcher.running, clock())
        self._in_a_row = dict.fromkeys(system.launcher.running, 0)
        self.deaths: list[str] = []

    def poll(self) -> None:
        """Check every process, restart those that are due, tell the monitor. To be called all the time.

        Raises:
            ProcessError: one died that is not started again.
        """
        for name in self._in_a_row:
            code, absence = self._system.launcher.code(name), self._absent.get(name)
            if absence is None:
                if code is not None:
                    self._mark_absent(name, code)
            elif not absence.started:
                if self._clock() >= absence.until:
                    absence.started, self._since[name] = True, self._clock()
                    self._system.launch(name)
            elif code is not None:
                self._mark_absent(name, code)
            elif (places := self._system.launcher.addresses(name)) is not None:
                self._system.places[name] = places
                self._mark_present(name)
        self._notify_monitor()

    def _mark_absent(self, name: str, code: int) -> None:
        launcher, now = self._system.launcher, self._clock()
        words = launcher.exit_report(name)
        first = name not in self.deaths
        if code != OK and (name not in self._revived or (code == USAGE and first)):
            raise ProcessError(words)
        until = math.inf
        if code != OK:
            self.deaths.append(name)
            self._in_a_row[name] = 1 if now - self._since[name] > STEADY_SECONDS else self._in_a_row[name] + 1
            pause = self._backoff.pause(self._in_a_row[name] - 1)
            until = now + pause
            self._say(f"{words}\n{name} is started again in {pause:.1f} s")
        lines = [line[:_WIDTH] for line in words.splitlines()]
        presence = referee_pb2.Presence(party=name, running=False, last_words=[lines[0], *lines[1:][-_LINES:]])
        self._absent[name] = _Absence(until, presence)
        if name != _MONITOR:
            self._untold[name] = presence

    def _mark_present(self, name: str) -> None:
        del self._absent[name]
        self._say(f"{name} is back")
        if name == _MONITOR:  # it has forgotten who is away
            self._untold |= {party: absence.presence for party, absence in self._absent.items()}
        else:
            self._untold[name] = referee_pb2.Presence(party=name, running=True)

    def _notify_monitor(self) -> None:
        """Tell the monitor; what it does not take now is sent again at the next poll."""
        for name, presence in list(self._untold.items()):
            try:
                self._referee.Attend(presence, timeout=TELL_SECONDS)
            except grpc.RpcError:
                return
            del self._untold[name]
