"""Questions to an oracle: public pictures, drawn before there is anybody to ask, and its answers."""

from __future__ import annotations

import logging
from collections import deque

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

    Attributes:
        replay: pictures and answers.
        asked: pictures that were answered.
        spent: the oracle answers no more.
    """

    def __init__(self, known: BlackBox, loss: TrainingLoss, megabytes: float, limit: int | None) -> None:
        self.replay = Replay(megabytes, loss.levels)
        self.asked = 0
        self.spent = False
        self._known, self._loss, self._limit = known, loss, limit
        self._drawn: deque[tuple[Tensor, Tensor]] = deque()
        self._absence = AbsenceLog(_log, "the oracle is away", "the oracle is back")

    def draw(self, count: int) -> None:
        """Have the pictures of one more query ready, with what the network is to make of their features."""
        pictures = torch.stack([next(self._known.public) for _ in range(count)])
        self._drawn.append((pictures, self._loss.target(pictures.to(self._known.device)).cpu()))

    def ask(self, count: int) -> bool:
        """Put one more query's answers into the replay, if the oracle gives any; whether it is there.

        A query that was not answered is put again: drawing takes longer than asking.
        """
        count = count if self._limit is None else min(count, self._limit - self.asked)
        if self.spent or count < 1:
            return True
        if not self._drawn:
            self.draw(count)
        pictures, targets = self._drawn[0]
        try:
            self.replay.add(targets, self._known.oracle.query(pictures))
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
