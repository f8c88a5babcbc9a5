"""What a design must satisfy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keyhole.bench.advice.option import Option
from keyhole.bench.advice.spoken import milliseconds, multiplications, points

_ROUNDING = 1e-9
"""Of figures that are differences: 70.0 − 69.1 is more than 0.9."""


@dataclass(frozen=True)
class Constraint:
    """An upper limit.

    Attributes:
        phrase: in words, with the limit.
        measurement: what must have been measured.
        limit: the most that is allowed.
        value: what the design has; None if it was not measured.
        spoken: a value of it in words.
    """

    phrase: str
    measurement: str
    limit: float
    value: Callable[[Option], float | None]
    spoken: Callable[[float], str]

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
    """Those that are given.

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
        phrase = f"at most {points(max_accuracy_loss)} of accuracy lost"
        given.append(
            Constraint(phrase, "accuracy", max_accuracy_loss, lambda option: option.loss, lambda x: points(x, 2))
        )
    if max_latency is not None:
        given.append(
            Constraint(
                f"at most {max_latency:g} ms", "latency", max_latency, lambda option: option.p50(link), milliseconds
            )
        )
    if max_edge_macs is not None:
        phrase = f"at most {multiplications(max_edge_macs)} on the edge"
        given.append(Constraint(phrase, "profile", max_edge_macs, lambda option: option.macs, multiplications))
    return tuple(given)
