"""Sentences that state a recommendation. Names of code stand between backticks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from keyhole.bench.advice.exposure import PICTURES, SEEDS
from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.advice.recommendation import Constraint, Recommendation, macs_text, milliseconds_text, points_text
from keyhole.bench.records import EDGE_ONLY, Design
from keyhole.metrics.interval import with_interval

_NAMED = 5
"""Designs whose names a list gives."""


def sentences(advice: Recommendation) -> Iterator[str]:
    """The recommendation, then what qualifies it, each a line."""
    if advice.chosen:
        yield f"{_asked(advice)}: {design_text(advice.chosen.design)}: {_p50(advice.chosen, advice.link)}"
        yield f"It has {_figures(advice.chosen)}."
        yield from _doubts(advice.chosen, advice.constraints)
        if advice.untried:
            yield f"It was not attacked by {', '.join(advice.untried)}, unlike other designs: it may leak more."
        if advice.runner_up:
            yield (
                f"Runner-up: {design_text(advice.runner_up.design)}: {_p50(advice.runner_up, advice.link)}, "
                f"{_figures(advice.runner_up)}."
            )
        else:
            yield "Runner-up: none, no other design satisfies all."
        yield from (_cost(advice, advice.chosen, *pair) for pair in advice.without)
    elif advice.nearest:
        yield f"{_asked(advice)}: no design of `{advice.target}` satisfies all."
        yield (
            f"Nearest: {design_text(advice.nearest.design)}: {_p50(advice.nearest, advice.link)}. "
            f"It misses {_misses(advice.nearest, advice.constraints)}."
        )
        yield from (_relief(advice, *pair) for pair in advice.without)
    else:
        yield f"{_asked(advice)}: no design of `{advice.target}` has all the measurements that this needs."
    yield from (_baseline(option, advice.link) for option in advice.baselines)
    if advice.left_out:
        yield _left_out(advice.left_out)


def design_text(design: Design) -> str:
    """A design in words, its cut between backticks.

    >>> design_text(Design("resnet18", "layer3.0", "gaussian:scale=0.5", "int8"))
    'cut at `layer3.0`, gaussian:scale=0.5, int8'
    """
    return f"cut at `{design.cut}`, {'undefended' if design.defence == UNDEFENDED else design.defence}, {design.codec}"


def _asked(advice: Recommendation) -> str:
    *first, last = [constraint.phrase for constraint in advice.constraints] or [""]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"on `{advice.link}`" + (f", with {listed}" if listed else "")


def _p50(option: Option, link: str) -> str:
    found = option.p50(link)
    return "not timed" if found is None else milliseconds_text(found)


def _figures(option: Option) -> str:
    parts = []
    if leak := option.exposure.get("ssim"):
        parts.append(f"SSIM {with_interval(leak.mean, leak.interval, 3)} (by {leak.attack})")
    if option.loss is not None:
        lost = "lost" if option.loss >= 0 else "won"
        parts.append(f"{points_text(abs(option.loss), 2)} of accuracy {lost}")
    if option.macs is not None:
        parts.append(f"{macs_text(option.macs)} on the edge")
    return ", ".join(parts) or "no other figure"


def _doubts(option: Option, constraints: Sequence[Constraint]) -> Iterator[str]:
    """Sentences on what the figures behind a choice do not settle."""
    leak, accuracy = option.exposure.get("ssim"), option.accuracy
    limits = {constraint.measurement: constraint.limit for constraint in constraints}
    if leak and leak.interval and leak.interval[1] > limits.get("leak", math.inf):
        yield f"The 95 % interval of its SSIM reaches {leak.interval[1]:.3f}, over the limit."
    if accuracy and accuracy.interval and option.loss is not None:
        low = accuracy.interval[0]
        if option.loss + accuracy.value - low > limits.get("accuracy", math.inf):
            yield f"The 95 % interval of its accuracy goes down to {low:.1f} %: the loss may be over the limit."
    if leak and leak.thin:
        yield (
            f"Its SSIM rests on {leak.pictures} pictures and {leak.seeds} seed{'' if leak.seeds == 1 else 's'}; "
            f"a conclusion needs {PICTURES} and {SEEDS}."
        )


def _cost(advice: Recommendation, chosen: Option, constraint: Constraint, other: Option | None) -> str:
    """What a constraint costs the chosen design."""
    if other is None or other.design == chosen.design:
        return f"“{constraint.phrase}” costs nothing."
    now, then = chosen.p50(advice.link), other.p50(advice.link)
    value = constraint.value(other)
    assert now is not None and then is not None and value is not None  # noqa: PT018
    return (
        f"“{constraint.phrase}” costs {milliseconds_text(now - then)}: without it {design_text(other.design)}: "
        f"{milliseconds_text(then)}, with {constraint.wording(value)}."
    )


def _relief(advice: Recommendation, constraint: Constraint, other: Option | None) -> str:
    if other is None:
        return f"Without “{constraint.phrase}” still nothing."
    return f"Without “{constraint.phrase}”: {design_text(other.design)}: {_p50(other, advice.link)}, {_figures(other)}."


def _misses(option: Option, constraints: Sequence[Constraint]) -> str:
    missed = [(constraint, constraint.excess(option)) for constraint in constraints]
    return " and ".join(
        f"“{constraint.phrase}” by {constraint.wording(excess).removeprefix('SSIM ')}"
        for constraint, excess in missed
        if excess
    )


def _baseline(option: Option, link: str) -> str:
    design, took = option.design, _p50(option, link)
    whose = "" if design.defence == UNDEFENDED else f" of {design.defence}"
    if design.cut == EDGE_ONLY:
        return f"Without a split: the whole model{whose} on the edge takes {took} and sends no features."
    return f"Without a split: pictures to the cloud{whose} as {design.codec} take {took} and show all."


def _left_out(left_out: Sequence[tuple[Design, tuple[str, ...]]]) -> str:
    listed = [f"{design_text(design)} ({', '.join(missing)})" for design, missing in left_out[:_NAMED]]
    more = [f"{len(left_out) - _NAMED} more"] if len(left_out) > _NAMED else []
    return f"Left out, because the figures in brackets are not measured: {'; '.join([*listed, *more])}."
