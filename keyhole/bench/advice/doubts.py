"""What the figures behind a choice do not settle, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from keyhole.bench.advice.evidence import needed_text
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.recommendation import Recommendation
from keyhole.bench.advice.wording import listed
from keyhole.bench.records import MachineLoad
from keyhole.metrics.interval import with_interval


def doubts(advice: Recommendation, option: Option) -> Iterator[str]:
    """Each a line; none where everything is settled.

    Args:
        advice: for which the figures are read.
        option: whose figures.
    """
    leak, accuracy = option.exposure.get("ssim"), option.accuracy
    if option is advice.chosen and not advice.sure:
        over = [f"“{limit.phrase}”" for limit in advice.constraints if not limit.sure(option)]
        known = "reaches over" if leak and leak.interval else "is not known for"
        yield f"Probably, because the 95 % interval of what leaks {known} {listed(over)}."
    limits = {limit.measurement: limit.limit for limit in advice.constraints}
    blind = option.blind
    if blind and limits.get("leak", math.inf) < blind.mean:
        yield (
            f"Knowing nothing scores more than SSIM {limits['leak']:g}: the blind attacker has "
            f"{with_interval(blind.mean, blind.interval, 3)}. --max-thumbnail limits what is above that."
        )
    most = limits.get("accuracy")
    if most is not None and accuracy and accuracy.interval and option.loss is not None and option.loss <= most:
        low = accuracy.interval[0]
        if option.loss + accuracy.value - low > most:
            yield f"The 95 % interval of its accuracy goes down to {low:.1f} %: the loss may be over the limit."
    if leak and leak.thin and option.splits:
        behind = f"{leak.pictures} pictures and {leak.seeds} seed{'' if leak.seeds == 1 else 's'}"
        yield f"Its leak was measured on {behind}; a conclusion needs {needed_text()}."
    if option is advice.chosen and advice.untried:
        yield f"It was not attacked by {listed(advice.untried)}, unlike other designs: it may leak more."
    heavy = [load for load in advice.loads if load.heavy]
    if heavy:
        yield (
            f"{len(heavy)} of {len(advice.loads)} latencies were taken under load ({max(heavy, key=_busy).text} at "
            "most): they may be too long, and ties wrong."
        )


def _busy(load: MachineLoad) -> float:
    return load.busy
