"""What the figures behind a choice do not settle, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from keyhole.bench.advice.constraints import TRAINING, Constraint
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.recommendation import Recommendation
from keyhole.bench.advice.wording import listed, milliseconds_text, share_text
from keyhole.bench.records import MachineLoad
from keyhole.evaluation.classes.report import FEWEST_CLASSES
from keyhole.evaluation.evidence import needed_text
from keyhole.metrics.interval import with_interval


def doubts(advice: Recommendation, option: Option) -> Iterator[str]:
    """Each a line; none where everything is settled.

    Args:
        advice: for which the figures are read.
        option: whose figures.
    """
    if option is advice.chosen:
        yield from _of_the_leak(advice, option)
    yield from _of_the_limits(advice, option)
    leak = option.exposure.get("ssim")
    if leak and leak.thin and option.splits:
        behind = f"{leak.pictures} pictures and {leak.seeds} seed{'' if leak.seeds == 1 else 's'}"
        yield f"Its leak was measured on {behind}; a conclusion needs {needed_text()}."
    yield from _of_the_training_set(advice, option)
    if option is advice.chosen and advice.untried:
        yield f"It was not attacked by {listed(advice.untried)}, unlike other designs: it may leak more."
    heavy = [load for load in advice.loads if load.heavy]
    if heavy:
        yield (
            f"{len(heavy)} of {len(advice.loads)} latencies were taken under load ({max(heavy, key=_busy).text} at "
            "most): they may be too long, and ties wrong."
        )


def _of_the_leak(advice: Recommendation, chosen: Option) -> Iterator[str]:
    """Where its interval reaches over a limit, and where more is read than from thumbnails of the limit's size."""
    if not advice.sure:
        over = [limit for limit in advice.constraints if not limit.sure(chosen)]
        for known, does in ((True, "reaches over"), (False, "is not known for")):
            if phrases := [f"“{limit.phrase}”" for limit in over if _has_interval(limit, chosen) == known]:
                yield f"Probably, because the 95 % interval of what leaks {does} {listed(phrases)}."
    read = [name for name, found in chosen.secrets.items() if not found.share.as_by_guessing]
    if chosen.splits and read and any(limit.judged for limit in advice.constraints):
        yield f"Within the limit, and yet the judge reads something: {listed(read)}. Reconstructions are no thumbnails."


def _has_interval(limit: Constraint, option: Option) -> bool:
    leak = option.training if limit.measurement == TRAINING else option.exposure.get("ssim")
    return bool(leak and leak.interval)


def _of_the_training_set(advice: Recommendation, option: Option) -> Iterator[str]:
    """Where its limit asks for less than public pictures alone give, and where few classes are behind the figure."""
    leak, limit = option.training, next((each for each in advice.constraints if each.measurement == TRAINING), None)
    if leak is None or limit is None:
        return
    alone = max(leak.guessing, leak.public.mean if leak.public else 0.0)
    if limit.limit < alone:
        yield (
            f"Nobody has to attack for more than {share_text(limit.limit)}: public pictures alone, or guessing, are "
            f"right in {share_text(alone)}."
        )
    if leak.thin:
        yield f"Its training-set leak is of {leak.classes} classes; a conclusion needs {FEWEST_CLASSES}."


def _of_the_limits(advice: Recommendation, option: Option) -> Iterator[str]:
    """Where a limit asks for less than nothing, and where an interval reaches over one that the figure satisfies."""
    limits = {limit.measurement: limit.limit for limit in advice.constraints}
    blind, accuracy, loss = option.blind, option.accuracy, option.loss
    if blind and limits.get("leak", math.inf) < blind.mean:
        yield (
            f"Knowing nothing scores more than SSIM {limits['leak']:g}: the blind attacker has "
            f"{with_interval(blind.mean, blind.interval, 3)}. --max-thumbnail limits what is above that."
        )
    most = limits.get("accuracy", math.inf)
    if accuracy and accuracy.interval and loss is not None:
        low = accuracy.interval[0]
        if loss <= most < loss + accuracy.value - low:
            yield f"The 95 % interval of its accuracy goes down to {low:.1f} %: the loss may be over the limit."
    most, p50, timed = limits.get("latency", math.inf), option.p50(advice.link), option.p50_interval(advice.link)
    if p50 is not None and timed and p50 <= most < timed[1]:
        yield f"The 95 % interval of its latency goes up to {milliseconds_text(timed[1])}, over the limit."


def _busy(load: MachineLoad) -> float:
    return load.busy
