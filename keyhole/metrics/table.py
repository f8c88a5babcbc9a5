"""The picture metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from keyhole.metrics.deviation import eq14, l2
from keyhole.metrics.inception import INCEPTION, fid, inception_score
from keyhole.metrics.learned import ALEXNET, lpips
from keyhole.metrics.perceptual import dss, fsim, haarpsi, mdsi, sr_sim, vsi
from keyhole.metrics.similarity import ms_ssim, psnr, ssim
from keyhole.metrics.weights import Weights


@dataclass(frozen=True)
class Metric:
    """A metric of reconstructions against their truths.

    Attributes:
        name: as printed.
        function: (reconstructions, truths), both N×3×H×W in [0, 1], to N values; to a scalar if ``scope`` is "set".
        unit: of the values; empty for a pure number.
        better: which values mean a reconstruction nearer to the truth.
        scope: whether a value belongs to each picture or to the set of all.
        weights: the file that it needs beside the package, if any.
    """

    name: str
    function: Callable[[Tensor, Tensor], Tensor]
    unit: str
    better: Literal["higher", "lower"]
    scope: Literal["picture", "set"] = "picture"
    weights: Weights | None = None

    @property
    def available(self) -> bool:
        """Whether this machine has the weights that it needs."""
        return self.weights is None or self.weights.present


def _inception_score(reconstructions: Tensor, _truths: Tensor) -> Tensor:
    return inception_score(reconstructions)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "psnr": Metric("PSNR", psnr, "dB", "higher"),
        "ssim": Metric("SSIM", ssim, "", "higher"),
        "ms_ssim": Metric("MS-SSIM", ms_ssim, "", "higher"),
        "l2": Metric("L2", l2, "", "lower"),
        "eq14": Metric("Eq. 14", eq14, "", "higher"),
        "fsim": Metric("FSIM", fsim, "", "higher"),
        "vsi": Metric("VSI", vsi, "", "higher"),
        "haarpsi": Metric("HaarPSI", haarpsi, "", "higher"),
        "sr_sim": Metric("SR-SIM", sr_sim, "", "higher"),
        "dss": Metric("DSS", dss, "", "higher"),
        "mdsi": Metric("MDSI", mdsi, "", "lower"),
        "lpips": Metric("LPIPS", lpips, "", "lower", weights=ALEXNET),
        "fid": Metric("FID", fid, "", "lower", scope="set", weights=INCEPTION),
        "inception_score": Metric("Inception Score", _inception_score, "", "higher", scope="set", weights=INCEPTION),
    }
)
"""Identifier → metric."""
