"""Questions to an oracle: public pictures, drawn before there is anybody to ask, and its answers."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from keyhole.attacks.base import BlackBox, OracleAwayError, OracleSpentError
from keyhole.attacks.features.learner import Replay
from keyhole.attacks.features.training_losses import TrainingLoss
from keyhole.service.logs import AbsenceLog

_log = logging.getLogger(__name__)


class Questions:
    """Asks an oracle about public pictures, and keeps what a network learns from.

    Args:
        known: the oracle and the pictures.
        loss: what is kept of a picture.
        megabytes: memory for answers.
        limit: pictures asked about in all; None: as many as the oracle answers.
        described: pictures to ask about, with a text on each; None: the public ones, on which none is said.

    Attributes:
        replay: pictures and answers.
        asked: pictures that were answered.
        spent: the oracle answers no more.
    """

    def __init__(
        self,
        known: BlackBox,
        loss: TrainingLoss,
        megabytes: float,
        limit: int | None,
        described: Iterator[tuple[Tensor, str]] | None = None,
    ) -> None:
        self.replay = Replay(megabytes, loss.levels)
        self.asked = 0
        self.spent = False
        self._known, self._loss, self._limit = known, loss, limit
        self._pictures = ((picture, "") for picture in known.public) if described is None else described
        self._drawn: deque[tuple[Tensor, Tensor, tuple[str, ...]]] = deque()
        self._absence = AbsenceLog(_log, "the oracle is away", "the oracle is back")

    def draw(self, count: int) -> None:
        """Have the pictures of one more query ready, with what the network is to make of their features."""
        taken, texts = zip(*(next(self._pictures) for _ in range(count)), strict=True)
        pictures = torch.stack(taken)
        self._drawn.append((pictures, self._loss.target(pictures.to(self._known.device)).cpu(), texts))

    def ask(self, count: int) -> bool:
        """Put one more query's answers into the replay, if the oracle gives any; whether it is there.

        A query that was not answered is put again: drawing takes longer than asking.
        """
        count = count if self._limit is None else min(count, self._limit - self.asked)
        if self.spent or count < 1:
            return True
        if not self._drawn:
            self.draw(count)
        pictures, targets, texts = self._drawn[0]
        try:
            self.replay.add(targets, self._known.oracle.query(pictures), texts)
            self._drawn.popleft()
            self.asked += len(pictures)
            self._absence.note(away=False)
        except OracleSpentError as error:
            self.spent = True
            _log.warning("the oracle answers no more; going on with what it said", extra={"reason": str(error)})
        except OracleAwayError as error:
            self._absence.note(away=True, reason=str(error))
            return False
        return True
