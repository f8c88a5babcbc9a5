"""What a metric is: its entry in the table, the weights that it may need, and the pictures that it takes."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keyhole.service.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PairFunction = Callable[["Tensor", "Tensor"], "Tensor"]
"""(reconstructions, truths), both N×3×H×W in [0, 1], to values."""
UNIT_STEPS = tuple(step / 20 for step in range(1, 21))
"""Buckets of a metric whose values lie in [0, 1]."""


class MissingWeightsError(UsageError):
    """The weights of a metric are not on this machine; the message says where to get and to put them."""


@dataclass(frozen=True)
class Weights:
    """A network's file in torch's hub folder (``$TORCH_HOME/hub/checkpoints``, by default under ``~/.cache/torch``).

    It is too large to ship, so it is looked for and never fetched.

    Attributes:
        purpose: the metrics that need it.
        url: where it is published; the last part is the file's name.
    """

    purpose: str
    url: str

    @property
    def path(self) -> Path:
        """The place where the file is expected."""
        import torch  # noqa: PLC0415 - slow to import, and the table of metrics is read without it

        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    @property
    def present(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def require(self) -> Path:
        """The file's path.

        Raises:
            MissingWeightsError: it is not there.
        """
        if not self.present:
            raise MissingWeightsError(
                f"{self.purpose} needs weights that are not here: download {self.url} and save it as {self.path}"
            )
        return self.path


@dataclass(frozen=True)
class PackagedWeights:
    """A network's file in a package that an extra of Keyhole's installs; the package itself is not imported.

    Attributes:
        purpose: the metrics that need it.
        package: as it is imported.
        version: as it is published.
        file: in the package's folder.
        extra: that installs it.
    """

    purpose: str
    package: str
    version: str
    file: str
    extra: str

    @property
    def present(self) -> bool:
        """Whether the file is there."""
        return self._path() is not None

    def require(self) -> Path:
        """The file's path.

        Raises:
            MissingWeightsError: the package is not installed, or has no such file.
        """
        path = self._path()
        if path is None:
            raise MissingWeightsError(
                f"{self.purpose} needs {self.file} of the package {self.package}, which is not here: "
                f"pip install '.[{self.extra}]' in Keyhole's folder, or pip install {self.package}=={self.version}"
            )
        return path

    def _path(self) -> Path | None:
        found = importlib.util.find_spec(self.package)
        folders = found.submodule_search_locations or () if found else ()
        return next((path for folder in folders if (path := Path(folder) / self.file).is_file()), None)


@dataclass(frozen=True)
class Metric:
    """A metric of reconstructions against their truths.

    Attributes:
        name: identifier in flags, files, the wire and Prometheus; ``package.module:name`` for one from outside.
        title: as printed.
        function: (reconstructions, truths), both N×3×H×W in [0, 1], to N values; to a scalar if ``scope`` is "set".
        better: which values mean a reconstruction nearer to the truth, that is a greater leak.
        unit: of the values; empty for a pure number.
        scope: whether a value belongs to each picture or to the set of all.
        weights: the file that it needs beside the package, if any.
        fewest: pictures that a set needs at least.
        smallest: pixels that a side of a picture needs at least.
        digits: after the point of a mean in a table.
        brief: digits of a single value in a caption.
        ceiling: stands for infinity where a value must be finite (databases, means over frames).
        limits: ends of a plot's axis; None: as far as the values go.
        buckets: upper ends of a histogram's buckets.
    """

    name: str
    title: str
    function: PairFunction
    better: Literal["higher", "lower"]
    unit: str = ""
    scope: Literal["picture", "set"] = "picture"
    weights: Weights | PackagedWeights | None = None
    fewest: int = 1
    smallest: int = 1
    digits: int = 3
    brief: int = 3
    ceiling: float = math.inf
    limits: tuple[float, float] | None = None
    buckets: tuple[float, ...] = UNIT_STEPS

    @property
    def label(self) -> str:
        """Title with unit, as an axis or a column is headed: ``PSNR, dB``."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def number(self, value: float) -> str:
        """A value as tables print it."""
        return f"{value:.{self.digits}f}"

    def caption(self, value: float) -> str:
        """A single value with its name or unit: ``21.3 dB``, ``SSIM 0.512``."""
        figure = f"{value:.{self.brief}f}"
        return f"{figure} {self.unit}" if self.unit else f"{self.title} {figure}"

    def leak(self, value: float) -> float:
        """The value turned so that more is nearer to the truth.

        >>> Metric("l2", "L2", lambda made, truth: (made - truth).square(), "lower").leak(0.25)
        -0.25
        """
        return value if self.better == "higher" else -value

    def scores(self, reconstructions: Tensor, truths: Tensor) -> list[float]:
        """One value per picture, each computed alone: sums of a batch round otherwise than those of one picture.

        Args:
            reconstructions: N×3×H×W in [0, 1].
            truths: same shape.

        Raises:
            ValueError: shapes differ or the function refuses the pictures.
            MissingWeightsError: the weights are not on this machine.
        """
        if reconstructions.shape != truths.shape:
            raise ValueError(f"shapes differ: {tuple(reconstructions.shape)} and {tuple(truths.shape)}")
        places = (slice(at, at + 1) for at in range(len(truths)))
        return [self._value(reconstructions[place], truths[place]) for place in places]

    def score_of_set(self, reconstructions: Tensor, truths: Tensor) -> float:
        """The value of all pictures together.

        Args:
            reconstructions: N×3×H×W in [0, 1].
            truths: M×3×H×W.

        Raises:
            UsageError: there are too few pictures.
            MissingWeightsError: the weights are not on this machine.
        """
        count = min(len(reconstructions), len(truths))
        if count < self.fewest:
            raise UsageError(f"{self.title} is a value of a set of {self.fewest} pictures or more, not of {count}")
        return self._value(reconstructions, truths)

    def _value(self, reconstructions: Tensor, truths: Tensor) -> float:
        value = self.function(reconstructions, truths)
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            got = tuple(value.shape) if hasattr(value, "shape") else type(value).__name__
            pictures = f"{len(truths)} picture{'s' if len(truths) > 1 else ''}"
            raise UsageError(f"metric {self.name}: expected one value of {pictures}, got {got}") from error


def deferred(look_up: Callable[[], PairFunction]) -> PairFunction:
    """A metric's function that is looked up, and its module (torchmetrics, piq) loaded, when it is first called."""

    def function(reconstructions: Tensor, truths: Tensor) -> Tensor:
        return look_up()(reconstructions, truths)

    return function


def check_pictures(name: str, pictures: Tensor) -> None:
    """Refuse what is not a batch of RGB pictures.

    Raises:
        ValueError: not N×3×H×W or empty, no floating point, values leave [0, 1], or a value is not finite.
    """
    if pictures.dim() != 4 or pictures.shape[1] != 3 or pictures.numel() == 0:
        raise ValueError(f"{name}: pictures are N×3×H×W, not {tuple(pictures.shape)}")
    if not pictures.is_floating_point():
        raise ValueError(f"{name}: values are floating point in [0, 1], not {pictures.dtype}")
    low, high = pictures.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: values lie in [{float(low):.3g}, {float(high):.3g}], not in [0, 1]")


def check_pair(reconstruction: Tensor, truth: Tensor, metric: Metric | None = None) -> None:
    """Refuse what cannot be compared picture by picture.

    Args:
        reconstruction, truth: to compare.
        metric: whose smallest side is asked for.

    Raises:
        ValueError: as `check_pictures`, shapes differ, or a side is too short for the metric.
    """
    if reconstruction.shape != truth.shape:
        raise ValueError(f"shapes differ: {tuple(reconstruction.shape)} and {tuple(truth.shape)}")
    check_pictures("reconstruction", reconstruction)
    check_pictures("truth", truth)
    if metric and min(truth.shape[-2:]) < metric.smallest:
        raise ValueError(
            f"{metric.title} needs pictures of at least {metric.smallest} pixels a side, not {tuple(truth.shape[-2:])}"
        )


def at_least_single(pictures: Tensor) -> torch.dtype:
    """The precision in which a network scores pictures: theirs, or single where it is less.

    A network that is kept and once made half as precise would stay so for all later pictures.
    """
    import torch  # noqa: PLC0415 - slow to import, and the table of metrics is read without it

    return torch.promote_types(pictures.dtype, torch.float32)
