"""Recommendation: the fastest design of a target that satisfies every constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.options import Option
from keyhole.bench.records import Design

_ROUNDING = 1e-9
"""Tolerance of figures that are differences: 70.0 − 69.1 is more than 0.9."""


@dataclass(frozen=True)
class Constraint:
    """An upper limit.

    Attributes:
        phrase: in words, with the limit.
        measurement: what must have been measured.
        limit: the most that is allowed.
        value: what the design has; None if it was not measured.
        wording: writes a value of it with its unit.
    """

    phrase: str
    measurement: str
    limit: float
    value: Callable[[Option], float | None]
    wording: Callable[[float], str]

    def excess(self, option: Option) -> float:
        """How far a measured design is above the limit, in the constraint's unit; 0 where it is not."""
        value = self.value(option)
        if value is None:
            raise ValueError(f"{option.design}: {self.measurement} was not measured")
        return value - self.limit if value > self.limit + _ROUNDING else 0.0

    def relative_excess(self, option: Option) -> float:
        """The same in parts of the limit, so that different units compare; of one unit where the limit is 0 or less."""
        return self.excess(option) / (self.limit if self.limit > 0 else 1.0)


def constraints(
    link: str,
    *,
    max_ssim: float | None = None,
    max_accuracy_loss: float | None = None,
    max_latency: float | None = None,
    max_edge_macs: float | None = None,
) -> tuple[Constraint, ...]:
    """The constraints whose limits are given.

    Args:
        link: over which latency counts.
        max_ssim: the greatest mean SSIM over attacks.
        max_accuracy_loss: points below the undefended fp32 design of the target.
        max_latency: median milliseconds.
        max_edge_macs: multiply-accumulates of the head.
    """
    given: list[Constraint] = []
    if max_ssim is not None:
        given.append(
            Constraint(
                f"SSIM ≤ {max_ssim:g}", "leak", max_ssim, lambda option: option.leak(), lambda x: f"SSIM {x:.3f}"
            )
        )
    if max_accuracy_loss is not None:
        phrase = f"at most {points_text(max_accuracy_loss)} of accuracy lost"
        given.append(
            Constraint(phrase, "accuracy", max_accuracy_loss, lambda option: option.loss, lambda x: points_text(x, 2))
        )
    if max_latency is not None:
        given.append(
            Constraint(
                f"at most {max_latency:g} ms",
                "latency",
                max_latency,
                lambda option: option.p50(link),
                milliseconds_text,
            )
        )
    if max_edge_macs is not None:
        phrase = f"at most {macs_text(max_edge_macs)} on the edge"
        given.append(Constraint(phrase, "profile", max_edge_macs, lambda option: option.macs, macs_text))
    return tuple(given)


@dataclass(frozen=True)
class Recommendation:
    """What to choose for one target on one link.

    Attributes:
        target, link: for which.
        constraints: that were asked for.
        chosen: the fastest that satisfies all; None if nothing does.
        runner_up: the next fastest that satisfies all.
        without: for each constraint, in order, what would be chosen if it were not asked for.
        nearest: where nothing satisfies all, the design whose greatest relative excess over a limit is least.
        left_out: designs that could not be judged, with what was not measured of them.
        untried: attacks that were tried on other designs of the target, not on the chosen one.
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
    untried: tuple[str, ...]
    baselines: tuple[Option, ...]


def recommendation(
    options: Iterable[Option], target: str, link: str, constraints: Sequence[Constraint]
) -> Recommendation:
    """Weigh a target's designs. Baselines are no candidates: they do not split.

    A limit holds for the measured mean, not for the end of its interval.
    """
    mine = [option for option in options if option.design.target == target]
    splits = [option for option in mine if option.splits]
    lacking = {option.design: _lacking(option, link, constraints) for option in splits}
    judged = [option for option in splits if not lacking[option.design]]
    chosen, runner_up = _fastest(judged, link, constraints)
    return Recommendation(
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
        untried=_untried(chosen, splits) if chosen else (),
        baselines=tuple(option for option in mine if not option.splits and option.p50(link) is not None),
    )


def _lacking(option: Option, link: str, constraints: Sequence[Constraint]) -> tuple[str, ...]:
    missing = [constraint.measurement for constraint in constraints if constraint.value(option) is None]
    return tuple(dict.fromkeys((*missing, *(() if option.p50(link) is not None else ("latency",)))))


def _untried(chosen: Option, splits: Iterable[Option]) -> tuple[str, ...]:
    tried = dict.fromkeys(leak.attack for option in splits for leak in option.leaks)
    return tuple(attack for attack in tried if attack not in {leak.attack for leak in chosen.leaks})


def _fastest(
    judged: Iterable[Option], link: str, constraints: Sequence[Constraint]
) -> tuple[Option | None, Option | None]:
    """The fastest two options that satisfy every constraint."""
    fit = [option for option in judged if not any(constraint.excess(option) for constraint in constraints)]
    first, second, *_ = (*sorted(fit, key=lambda option: _order(option, link)), None, None)
    return first, second


def _nearest(judged: Iterable[Option], link: str, constraints: Sequence[Constraint]) -> Option | None:
    def distance(option: Option) -> float:
        return max((constraint.relative_excess(option) for constraint in constraints), default=0.0)

    return min(judged, key=lambda option: (distance(option), *_order(option, link)), default=None)


def _order(option: Option, link: str) -> tuple[float, float, Design]:
    """Sort key: latency, then leak; an unknown leak comes last."""
    latency, leak = option.p50(link), option.leak()
    return float("inf") if latency is None else latency, float("inf") if leak is None else leak, option.design


def points_text(number: float, digits: int | None = None) -> str:
    """Points of accuracy in words.

    >>> points_text(1), points_text(0.5), points_text(2.504, 2)
    ('1 point', '0.5 points', '2.50 points')
    """
    shown = f"{number:g}" if digits is None else f"{number:.{digits}f}"
    return f"{shown} point{'' if number == 1 else 's'}"


def milliseconds_text(number: float) -> str:
    """Milliseconds with their unit, with a digit after the point only below ten.

    >>> milliseconds_text(37.6), milliseconds_text(3.76)
    ('38 ms', '3.8 ms')
    """
    return f"{number:.0f} ms" if number >= 10 else f"{number:.1f} ms"


def macs_text(number: float) -> str:
    """Multiply-accumulates in millions, in words.

    >>> macs_text(512_340_000), macs_text(2e3)
    ('512 M multiply-accumulates', '0.002 M multiply-accumulates')
    """
    return f"{number / 1e6:.3g} M multiply-accumulates"
