"""What every table and chart of a target is made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.records import Design, ScaleRecord
from keyhole.bench.report.cells import TableColumn
from keyhole.bench.report.columns import MACS, MEMORY, accuracy, latency, metric, secrets, thumbnail, training
from keyhole.bench.report.equivalents import EquivalentThumbnails
from keyhole.metrics.registry import METRICS


@dataclass(frozen=True)
class ReaderLimits:
    """What a reader allows at most; None: anything.

    Attributes:
        thumbnail: pixels of the thumbnail that the strongest attack equals.
        ssim: mean of the strongest attack.
        accuracy_loss: points below the undefended fp32 design.
        latency: median milliseconds.
        training_leak: share of what the strongest attack makes of training classes that the judge recognises.
    """

    thumbnail: float | None = None
    ssim: float | None = None
    accuracy_loss: float | None = None
    latency: float | None = None
    training_leak: float | None = None


@dataclass(frozen=True)
class TargetView:
    """The designs of one target with what a reader asks of them.

    Attributes:
        target: its name.
        options: its designs, baselines included.
        links: over which anything was timed.
        limits: what a reader asks for.
        equivalents: by the scale of its pictures; None where that was not measured.
        pictures: by design, the name of the element of the page that shows its pictures.
    """

    target: str
    options: Sequence[Option]
    links: Sequence[str]
    limits: ReaderLimits = ReaderLimits()
    pictures: Mapping[Design, str] = field(default_factory=dict)
    equivalents: EquivalentThumbnails | None = None

    @property
    def scale(self) -> ScaleRecord | None:
        """Of its pictures; None where it was not measured."""
        return self.equivalents.scale if self.equivalents else None

    @property
    def name(self) -> str:
        """The target's name as part of a file's or an element's."""
        return slug(self.target)

    @property
    def splits(self) -> list[Option]:
        """The designs that split."""
        return [option for option in self.options if option.splits]

    @cached_property
    def columns(self) -> tuple[TableColumn, ...]:
        """What decides, in the order in which it is read: what the judge read, what leaks, of the training set too,
        accuracy, cost, latency."""
        return (
            *secrets(self.options),
            *([thumbnail(self.limits.thumbnail)] if self.scale else []),
            metric(METRICS["ssim"], self.limits.ssim),
            *training(self.options, self.limits.training_leak),
            accuracy(self.options, self.limits.accuracy_loss),
            MEMORY,
            MACS,
            *(latency(link, self.limits.latency) for link in self.links),
        )

    def facts(self, option: Option) -> tuple[str, ...]:
        """A design's figures, a line each, as whoever points at its mark reads them."""
        return (
            design_name(option.design),
            *(f"{column.heading}: {column.cell(option).whole}" for column in self.columns),
        )


def slug(text: str) -> str:
    """A text as part of a file's name: letters, digits, dots and hyphens.

    >>> slug("pruned:runs/patrol large")
    'pruned-runs-patrol-large'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def design_name(design: Design) -> str:
    """A design in a line.

    >>> design_name(Design("toy", "layer1.0", "none", "int8")), design_name(Design("toy", "edge-only", codec="none"))
    ('layer1.0 · int8', 'edge-only')
    """
    words = (design.cut, "" if design.defence == UNDEFENDED else design.defence, design.codec)
    return " · ".join(word for word in words if word not in ("", "none"))
