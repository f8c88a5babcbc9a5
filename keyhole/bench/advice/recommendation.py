"""Recommendation: the fastest design of a target that satisfies every constraint, baselines among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.constraints import Constraint
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.ranking import Choice, best, same_latency
from keyhole.bench.advice.training import tried
from keyhole.bench.records import Design, MachineLoad


@dataclass(frozen=True)
class Recommendation:
    """What to choose for one target on one link.

    Attributes:
        target, link: for which.
        constraints: that were asked for.
        chosen: the best that satisfies all, see `keyhole.bench.advice.ranking.best`; None if nothing does.
        tied: others that satisfy all and whose latency cannot be told from that of the fastest.
        sure: whether what it leaks is within the limits with its whole interval. What is not sure is chosen only where
            nothing is.
        likely: what would be chosen if it were enough that the means are within the limits; None where that is no
            other or no faster.
        runner_up: the best other split that satisfies all.
        without: for each constraint, in order, what would be chosen if it were not asked for.
        nearest: where nothing satisfies all, the design whose greatest relative excess over a limit is least.
        left_out: designs that could not be judged, with what was not measured of them.
        untried: attacks, on its classes too, that were tried on other designs of the target, not on the chosen one.
        baselines: the whole model on the edge, and the pictures to the cloud, as far as they were timed on the link.
        missed: of each design that was judged, the constraints that it does not satisfy by its means.
        loads: of the machine while each design was timed on the link, where it is known.
    """

    target: str
    link: str
    constraints: tuple[Constraint, ...]
    chosen: Option | None
    tied: tuple[Option, ...]
    sure: bool
    likely: Option | None
    runner_up: Option | None
    without: tuple[tuple[Constraint, Option | None], ...]
    nearest: Option | None
    left_out: tuple[tuple[Design, tuple[str, ...]], ...]
    untried: tuple[str, ...]
    baselines: tuple[Option, ...]
    missed: tuple[tuple[Design, tuple[Constraint, ...]], ...]
    loads: tuple[MachineLoad, ...]

    def surely(self, option: Option) -> bool:
        """Whether a measured design satisfies all with the upper end of what it leaks."""
        return all(constraint.sure(option) for constraint in self.constraints)

    @property
    def unforced(self) -> Option | None:
        """The whole model on the edge where that satisfies all: the fastest, should there be several."""
        missed = dict(self.missed)
        fit = [option for option in self.baselines if option.alone and missed.get(option.design) == ()]
        return min(fit, key=lambda option: (option.p50(self.link) or 0.0, option.design), default=None)


def recommendation(
    options: Iterable[Option], target: str, link: str, constraints: Sequence[Constraint]
) -> Recommendation:
    """Weigh a target's designs, the whole model on the edge and the picture to the cloud among them.

    A limit on what leaks holds for the upper end of its interval; where no design satisfies that, for the mean.
    Other limits hold for the mean or the median.
    """
    mine = [option for option in options if option.design.target == target]
    lacking = {option.design: _lacking(option, link, constraints) for option in mine}
    judged = [option for option in mine if not lacking[option.design]]
    found, sure = _best(judged, link, constraints)
    chosen = found.option if found else None
    others = [option for option in judged if option.splits and option is not chosen]
    second, _ = _best(others, link, constraints)
    return Recommendation(
        target=target,
        link=link,
        constraints=tuple(constraints),
        chosen=chosen,
        tied=found.tied if found else (),
        sure=sure,
        likely=_likely(judged, link, constraints, chosen) if sure else None,
        runner_up=second.option if second else None,
        without=tuple(
            (constraint, _option(_best(judged, link, [other for other in constraints if other is not constraint])[0]))
            for constraint in constraints
        ),
        nearest=None if chosen else _nearest(judged, link, constraints),
        left_out=tuple((design, missing) for design, missing in lacking.items() if missing),
        untried=_untried(chosen, mine) if chosen else (),
        baselines=tuple(option for option in mine if not option.splits and option.p50(link) is not None),
        missed=tuple(
            (option.design, tuple(constraint for constraint in constraints if constraint.excess(option)))
            for option in judged
        ),
        loads=tuple(timed.load for option in mine if (timed := option.latencies.get(link)) and timed.load),
    )


def _lacking(option: Option, link: str, constraints: Sequence[Constraint]) -> tuple[str, ...]:
    missing = [constraint.measurement for constraint in constraints if constraint.value(option) is None]
    return tuple(dict.fromkeys((*missing, *(() if option.p50(link) is not None else ("latency",)))))


def _untried(chosen: Option, options: Sequence[Option]) -> tuple[str, ...]:
    splits = [option for option in options if option.splits and chosen.splits]
    of_features = dict.fromkeys(attack for option in splits for attack in option.attacks)
    of_classes = tried(option.training for option in options)
    mine = (*chosen.attacks, *tried([chosen.training]))
    return tuple(attack for attack in (*of_features, *of_classes) if attack not in mine)


def _best(judged: Iterable[Option], link: str, constraints: Sequence[Constraint]) -> tuple[Choice | None, bool]:
    """The best of those that surely satisfy every constraint, else of those that do by their means; which it is."""
    fit = [option for option in judged if not any(constraint.excess(option) for constraint in constraints)]
    surely = [option for option in fit if all(constraint.sure(option) for constraint in constraints)]
    return best(surely or fit, link), bool(surely)


def _likely(
    judged: Iterable[Option], link: str, constraints: Sequence[Constraint], chosen: Option | None
) -> Option | None:
    fit = [option for option in judged if not any(constraint.excess(option) for constraint in constraints)]
    found = _option(best(fit, link))
    if found is None or chosen is None or found is chosen or same_latency(found, chosen, link):
        return None
    return found


def _option(choice: Choice | None) -> Option | None:
    return choice.option if choice else None


def _nearest(judged: Iterable[Option], link: str, constraints: Sequence[Constraint]) -> Option | None:
    def key(option: Option) -> tuple[float, float, float, Design]:
        distance = max((constraint.relative_excess(option) for constraint in constraints), default=0.0)
        return distance, option.p50(link) or 0.0, option.leak_order, option.design

    return min(judged, key=key, default=None)
