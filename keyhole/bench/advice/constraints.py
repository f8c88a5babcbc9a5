"""Constraints of a recommendation: what a design may leak, lose, take and need at most."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from keyhole.bench.advice.options import Option
from keyhole.bench.advice.thumbnail_limit import ThumbnailLimit
from keyhole.bench.advice.wording import macs_text, mebibytes_text, milliseconds_text, points_text, share_text
from keyhole.bench.quantity import Quantity

TRAINING = "training-set leak"
"""Measurement of `keyhole bench --training-set`."""
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
        reach: the most that the design may have by what was measured, the end of an interval; None: the value itself.
        source: a sentence on where the limit is from; empty where it was asked for.
        judged: whether the limit is the least of which a judge reads something.
    """

    phrase: str
    measurement: str
    limit: float
    value: Callable[[Option], float | None]
    wording: Callable[[float], str]
    reach: Callable[[Option], float | None] | None = None
    source: str = ""
    judged: bool = False

    def excess(self, option: Option) -> float:
        """How far a measured design is above the limit, in the constraint's unit; 0 where it is not."""
        value = self._measured(option)
        return value - self.limit if value > self.limit + _ROUNDING else 0.0

    def relative_excess(self, option: Option) -> float:
        """The same in parts of the limit, so that different units compare; of one unit where the limit is 0 or less."""
        return self.excess(option) / (self.limit if self.limit > 0 else 1.0)

    def sure(self, option: Option) -> bool:
        """Whether a measured design is within the limit with the whole interval of its figure."""
        reach = self.reach(option) if self.reach else self._measured(option)
        return reach is not None and reach <= self.limit + _ROUNDING

    def missed(self, option: Option) -> str:
        """What a design that is above the limit has, in words."""
        return f"“{self.phrase}” ({self.wording(self._measured(option))})"

    def _measured(self, option: Option) -> float:
        value = self.value(option)
        if value is None:
            raise ValueError(f"{option.design}: {self.measurement} was not measured")
        return value


def constraints(
    link: str,
    *,
    max_thumbnail: ThumbnailLimit | float | None = None,
    max_ssim: float | None = None,
    max_accuracy_loss: float | None = None,
    max_latency: float | None = None,
    max_edge_mib: float | None = None,
    max_edge_macs: Quantity | float | None = None,
    keep_model_secret: float | None = None,
    max_training_leak: float | None = None,
) -> tuple[Constraint, ...]:
    """The constraints whose limits are given.

    Limits on what leaks are met surely where the interval's upper end is within them, all others by the measured mean
    or median.

    Args:
        link: over which latency counts.
        max_thumbnail: side in pixels of the true picture's thumbnail that the strongest attack equals, or a
            `ThumbnailLimit`.
        max_ssim: the greatest mean SSIM over attacks.
        max_accuracy_loss: points below the undefended fp32 design of the target.
        max_latency: median milliseconds.
        max_edge_mib: MiB that the edge needs for the head.
        max_edge_macs: multiply-accumulates of the head, or their share of the whole undefended model's.
        keep_model_secret: the share of the model's parameters that stay in the cloud, at least.
        max_training_leak: the greatest share, over attacks on its classes, of pictures that the judge recognises.
    """
    given: list[Constraint] = []
    if max_thumbnail is not None:
        given.append(
            _thumbnail(max_thumbnail if isinstance(max_thumbnail, ThumbnailLimit) else ThumbnailLimit(max_thumbnail))
        )
    if max_ssim is not None:
        given.append(
            Constraint(
                f"SSIM ≤ {max_ssim:g}",
                "leak",
                max_ssim,
                _ssim,
                lambda x: f"SSIM {x:.3f}",
                _ssim_reach,
            )
        )
    if max_accuracy_loss is not None:
        phrase = f"at most {points_text(max_accuracy_loss)} of accuracy lost"
        given.append(
            Constraint(phrase, "accuracy", max_accuracy_loss, lambda option: option.loss, lambda x: points_text(x, 2))
        )
    if max_latency is not None:
        phrase = f"at most {max_latency:g} ms"
        given.append(Constraint(phrase, "latency", max_latency, lambda option: option.p50(link), milliseconds_text))
    if max_edge_mib is not None:
        phrase = f"at most {max_edge_mib:g} MiB on the edge"
        limit = max_edge_mib * 2**20
        given.append(Constraint(phrase, "edge memory", limit, lambda option: option.memory, mebibytes_text))
    if max_edge_macs is not None:
        given.append(_macs(max_edge_macs if isinstance(max_edge_macs, Quantity) else Quantity(max_edge_macs)))
    if keep_model_secret is not None:
        given.append(
            Constraint(
                f"at least {share_text(keep_model_secret)} of the parameters kept in the cloud",
                "the model's parameters",
                1 - keep_model_secret,
                lambda option: option.edge_share,
                lambda x: f"{share_text(x)} on the edge",
            )
        )
    if max_training_leak is not None:
        given.append(_training(max_training_leak))
    return tuple(given)


def _thumbnail(most: ThumbnailLimit) -> Constraint:
    phrase = f"thumbnail ≤ {most.side:g} px"
    return Constraint(
        phrase,
        "equivalent thumbnail",
        most.side,
        lambda option: option.side,
        _side_text,
        lambda option: option.side_reach,
        most.source,
        most.judged,
    )


def _side_text(side: float) -> str:
    return "the picture itself" if math.isinf(side) else f"{side:.0f} px"


def _ssim(option: Option) -> float | None:
    """The mean; nothing that an attacker sees is within every limit."""
    return -math.inf if option.alone else option.leak()


def _ssim_reach(option: Option) -> float | None:
    if option.alone or option.remote:
        return _ssim(option)
    found = option.exposure.get("ssim")
    return found.interval[1] if found and found.interval else 1.0


def _training(most: float) -> Constraint:
    return Constraint(
        f"at most {share_text(most)} of training classes recognised",
        TRAINING,
        most,
        lambda option: option.training.mean if option.training else None,
        lambda x: f"{share_text(x)} recognised",
        _training_reach,
    )


def _training_reach(option: Option) -> float | None:
    """The upper end of the interval; without one all may be recognised."""
    found = option.training
    return None if found is None else found.interval[1] if found.interval else 1.0


def _macs(most: Quantity) -> Constraint:
    if not most.of_model:
        phrase = f"at most {macs_text(most.number)} on the edge"
        return Constraint(phrase, "multiply-accumulates", most.number, lambda option: option.macs, macs_text)
    phrase = f"at most {share_text(most.number)} of the model's multiply-accumulates on the edge"
    return Constraint(
        phrase,
        "the model's multiply-accumulates",
        most.number,
        lambda option: option.macs_share,
        lambda x: f"{share_text(x)} of them",
    )
