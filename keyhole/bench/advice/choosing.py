"""The recommendation: the fastest design that satisfies every constraint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.constraints import Constraint
from keyhole.bench.advice.option import Option
from keyhole.bench.records import Design


@dataclass(frozen=True)
class Advice:
    """What to choose for one target on one link.

    Attributes:
        target, link: for which.
        constraints: that were asked for.
        chosen: the fastest that satisfies all; None if nothing does.
        runner_up: the next fastest that satisfies all.
        without: for each constraint, in order, what would be chosen if it were not asked for.
        nearest: where nothing satisfies all, the design whose greatest relative excess over a limit is least.
        left_out: designs that could not be judged, with what was not measured of them.
        spared: attacks that the chosen one was not put to and another design of the target was.
        baselines: the whole model on the edge, and the pictures to the cloud, as far as they were timed on the link.
    """

    target: str
    link: str
    constraints: tuple[Constraint, ...]
    chosen: Option | None
    runner_up: Option | None
    without: tuple[tuple[Constraint, Option | None], ...]
    nearest: Option | None
    left_out: tuple[tuple[Design, tuple[str, ...]], ...]
    spared: tuple[str, ...]
    baselines: tuple[Option, ...]


def advise(options: Iterable[Option], target: str, link: str, constraints: Sequence[Constraint]) -> Advice:
    """Weigh a target's designs. Baselines are no candidates: they do not split.

    A limit holds for the measured mean, not for the end of its interval.
    """
    mine = [option for option in options if option.design.target == target]
    splits = [option for option in mine if option.splits]
    lacking = {option.design: _lacking(option, link, constraints) for option in splits}
    judged = [option for option in splits if not lacking[option.design]]
    chosen, runner_up = _fastest(judged, link, constraints)
    return Advice(
        target=target,
        link=link,
        constraints=tuple(constraints),
        chosen=chosen,
        runner_up=runner_up,
        without=tuple(
            (constraint, _fastest(judged, link, [other for other in constraints if other is not constraint])[0])
            for constraint in constraints
        ),
        nearest=None if chosen else _nearest(judged, link, constraints),
        left_out=tuple((design, missing) for design, missing in lacking.items() if missing),
        spared=_spared(chosen, splits) if chosen else (),
        baselines=tuple(option for option in mine if not option.splits and option.p50(link) is not None),
    )


def _lacking(option: Option, link: str, constraints: Sequence[Constraint]) -> tuple[str, ...]:
    missing = [constraint.measurement for constraint in constraints if constraint.value(option) is None]
    return tuple(dict.fromkeys((*missing, *(() if option.p50(link) is not None else ("latency",)))))


def _spared(chosen: Option, splits: Iterable[Option]) -> tuple[str, ...]:
    tried = dict.fromkeys(leak.attack for option in splits for leak in option.leaks)
    return tuple(attack for attack in tried if attack not in {leak.attack for leak in chosen.leaks})


def _fastest(
    judged: Iterable[Option], link: str, constraints: Sequence[Constraint]
) -> tuple[Option | None, Option | None]:
    """The first two."""
    fit = [option for option in judged if not any(constraint.excess(option) for constraint in constraints)]
    first, second, *_ = (*sorted(fit, key=lambda option: _order(option, link)), None, None)
    return first, second


def _nearest(judged: Iterable[Option], link: str, constraints: Sequence[Constraint]) -> Option | None:
    def distance(option: Option) -> float:
        return max((constraint.relative_excess(option) for constraint in constraints), default=0.0)

    return min(judged, key=lambda option: (distance(option), *_order(option, link)), default=None)


def _order(option: Option, link: str) -> tuple[float, float, Design]:
    """By latency, of equals the one that leaks less; one whose leak is unknown comes last."""
    latency, leak = option.p50(link), option.leak()
    return float("inf") if latency is None else latency, float("inf") if leak is None else leak, option.design
