"""PURI: utility and privacy of a defence as one number, for a ranking."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

PURI_METRICS = ("ssim", "psnr", "fsim")
WEIGHT = 0.7


def utility(accuracy: float, undefended: float) -> float:
    """Accuracy over that of the undefended model, U.

    Raises:
        ValueError: the undefended accuracy is not above 0.
    """
    if not undefended > 0:
        raise ValueError(f"undefended accuracy {undefended:g}: expected more than 0")
    return accuracy / undefended


def privacy(leak: Mapping[str, float], undefended: Mapping[str, float]) -> float | None:
    """P = max(0, 1 − mean of the ratios of `PURI_METRICS` to those without the defence).

    An attack that SSIM, PSNR and FSIM rate as before gives 0. PSNR has no natural zero: its ratio, and with it P, hangs
    on the unit, as the definition has it.

    Args:
        leak: by metric, under the defence.
        undefended: the same of the undefended model at the same cut.

    Returns:
        None where a metric is missing, is not finite, or is not above 0 without the defence.
    """
    ratios = []
    for metric in PURI_METRICS:
        with_it, without = leak.get(metric, math.nan), undefended.get(metric, math.nan)
        if not (math.isfinite(with_it) and math.isfinite(without) and without > 0):
            return None
        ratios.append(with_it / without)
    return max(0.0, 1 - statistics.fmean(ratios))


def puri(utility: float, privacy: float, weight: float = WEIGHT) -> float:
    """Weighted harmonic mean 1 / (w/P + (1 − w)/U); 0 where either is 0.

    The source gives the weight 0.7 without the side that it is on. Here it is on privacy: an undefended model has U = 1
    and P = 0, and what a defence is ranked for is P.

    Args:
        utility: U, at least 0; above 1 where the defence makes the model better.
        privacy: P, 0 … 1 (above where a metric turns negative).
        weight: w of P, 0 … 1.

    >>> round(puri(utility=0.9, privacy=0.5), 4)
    0.5769
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight {weight:g}: expected 0 to 1")
    if utility <= 0 or privacy <= 0:
        return 0.0
    return 1 / (weight / privacy + (1 - weight) / utility)
