"""Judging of pictures of classes, on a thread of its own: whom each final picture shows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from keyhole.data.classes import ClassSource
from keyhole.data.held_back import held_back_pictures
from keyhole.judge.class_settings import ClassJudgeSettings
from keyhole.judge.class_verdict import CentroidJudge, ClassJudge, EvaluationClassifier
from keyhole.judge.identity import open_identity_judge
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.sizes import size_of
from keyhole.v1.referee_pb2 import ClassPicture
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import measure_picture, pack_picture, unpack_picture
from monitor.class_wall import ClassKey, ClassWall, Verdicts

NOBODY = "no judge is at hand: --recall-evaluator or --recall-private names one"
_TICK_SECONDS = 0.5
_REST = 3.0
"""Seconds of rest for each that drawing takes, so that it has a quarter of a core."""
_log = logging.getLogger(__name__)


class ClassJudging:
    """Asks judges about final pictures. They are opened with the first one, when a target's size is known.

    Args:
        wall: has the pictures, and is told the verdicts.
        settings: name the judges.
        keep: keeps the verdicts on a picture with the run; where it raises WireError it is called again later.
    """

    def __init__(
        self, wall: ClassWall, settings: ClassJudgeSettings, keep: Callable[[ClassKey, Verdicts], object]
    ) -> None:
        self._wall, self._settings, self._keep = wall, settings, keep
        self._judges: Sequence[ClassJudge] | None = None
        if not (settings.recall_evaluator or settings.recall_private):
            self._judges = ()
            wall.judged_by((), NOBODY, unjudged=True)

    def work(self, stop: Stop) -> None:
        """Judge what comes until ``stop``."""
        while not stop.wait(_TICK_SECONDS):
            self.judge_waiting(stop)

    def judge_waiting(self, stop: Stop) -> None:
        """Judge what waits now. Without a judge it goes on waiting: another life of the run may have one."""
        try:
            for entry in self._wall.waiting():
                if self._judges is None:
                    self._judges = self._open(entry.picture, stop)
                if not self._judges or stop.is_set():
                    return
                verdicts = self._verdicts(entry.picture, self._judges)
                self._keep(entry.key, verdicts)
                self._wall.settle(entry.key, verdicts)
        except WireError:
            return  # the store has logged it
        except Exception as error:
            _log.exception("a judge of classes fails, and is asked no more")
            self._judges = ()
            self._wall.judged_by((), f"the judge failed: {error}", unjudged=True)

    @staticmethod
    def _verdicts(shown: ClassPicture, judges: Sequence[ClassJudge]) -> Verdicts:
        picture = unpack_picture(shown.picture, field="picture")
        asked = (judge(picture, shown.name) for judge in judges)
        return tuple(verdict for verdict in asked if verdict)

    def _open(self, shown: ClassPicture, stop: Stop) -> Sequence[ClassJudge]:
        """The judges of the flags; one that cannot be opened is named on the wall, and the other is asked alone."""
        found: list[ClassJudge] = []
        faults = []
        self._wall.judged_by((), "the judge looks at private pictures of the classes first")
        for opened in (self._evaluator, self._nearest):
            try:
                found += opened(shown, stop)
            except (UsageError, OSError) as error:
                if stop.is_set():
                    return []
                _log.warning("a judge of classes cannot be asked", extra={"reason": str(error)})
                faults.append(str(error))
        self._wall.judged_by([judge.name for judge in found], "; ".join(faults), unjudged=not found)
        return found

    def _evaluator(self, shown: ClassPicture, _stop: Stop) -> Sequence[ClassJudge]:
        name = self._settings.recall_evaluator
        if not name:
            return []
        found = EvaluationClassifier.named(name, "--recall-evaluator")
        if found.target.hash == shown.model_hash:
            raise UsageError(
                f"--recall-evaluator {name} is the classifier under attack: what it likes is no success, another one "
                "of the same classes is"
            )
        return [found]

    def _nearest(self, shown: ClassPicture, stop: Stop) -> Sequence[ClassJudge]:
        settings = self._settings
        if not settings.recall_private:
            return []
        pace = _Pace(stop)
        judge, source = open_identity_judge(settings.recall_judge), ClassSource(settings.recall_private)
        size = size_of(*measure_picture(shown.picture, field="picture"))
        pictures = held_back_pictures(source, size, settings.recall_pictures, breathe=pace.rest)
        found = CentroidJudge.of(judge, pictures, lambda _: pace.rest())
        for name in found.names:
            if (example := found.example(name)) is not None:
                self._wall.show_private(name, pack_picture(example))
        return [found]


class _Pace:
    """Rests after each piece of work, in proportion to it; refuses to go on where the process is to stop."""

    def __init__(self, stop: Stop) -> None:
        self._stop, self._began = stop, time.thread_time()

    def rest(self) -> None:
        """Rest after a piece of work.

        Raises:
            UsageError: the process is to stop.
        """
        self._stop.wait(_REST * (time.thread_time() - self._began))
        if self._stop.is_set():
            raise UsageError("told to stop")
        self._began = time.thread_time()
