"""Work that is done before whoever asked for it is answered: what many ask for at a time is done at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass
class _Asked(Generic[Job]):
    job: Job
    done: bool = False
    failure: BaseException | None = None


class GroupCommit(Generic[Job]):
    """Hands jobs to ``work`` in the order they came; those that come while it is at work go together next.

    Whoever asks does the work, for all who wait. Where ``work`` fails for several jobs it is asked again for each by
    itself, so that a bad one costs itself alone.

    Args:
        work: does all of the jobs or none; called by one thread at a time.
    """

    def __init__(self, work: Callable[[Sequence[Job]], None]) -> None:
        self._work = work
        self._waiting: list[_Asked[Job]] = []
        self._guard = threading.Lock()
        self._turn = threading.Lock()

    @property
    def depth(self) -> int:
        """Jobs waiting."""
        return len(self._waiting)

    def __call__(self, job: Job) -> None:
        """Return when the job is done; raises what ``work`` failed with."""
        asked = _Asked(job)
        with self._guard:
            self._waiting.append(asked)
        with self._turn:
            if not asked.done:
                self._do()
        if asked.failure is not None:
            raise asked.failure

    def _do(self) -> None:
        with self._guard:
            together, self._waiting = self._waiting, []
        try:
            self._try(together)
            if len(together) > 1 and together[0].failure is not None:
                for one in together:
                    self._try([one])
        finally:
            for one in together:
                one.done = True

    def _try(self, together: Sequence[_Asked[Job]]) -> None:
        failure: BaseException | None = None
        try:
            self._work([one.job for one in together])
        except Exception as error:
            failure = error
        except BaseException as error:
            failure = error
            raise
        finally:
            for one in together:
                one.failure = failure
