"""Averaged weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim.swa_utils import get_ema_multi_avg_fn

Average = Callable[[Any, Any, Any], None]


def warming_average(decay: float) -> Average:
    """Exponential moving average for `torch.optim.swa_utils.AveragedModel` that forgets the first weights soon.

    After n steps the decay is min(``decay``, (1 + n) / (10 + n)), so that the average spans a tenth of the steps of a
    short training, not its start.

    Args:
        decay: of a long training, 0 to 1.
    """

    def update(averaged: Any, current: Any, count: Any) -> None:
        steps = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, count)  # type: ignore[no-untyped-call]

    return update
