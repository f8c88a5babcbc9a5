"""The table of metrics: scores, columns, plots, Prometheus, PURI and the wire read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from keyhole import metrics
from keyhole.extensions import ExtensionError, load_extension
from keyhole.metrics.base import Metric, PackagedWeights, Weights, deferred
from keyhole.service.errors import UsageError, unknown_name
from keyhole.sizes import SMALLEST

DEFAULT = ("psnr", "ssim")
"""The metrics of every command whose flag names none."""
ALEXNET = Weights("LPIPS", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth")
"""torchvision's AlexNet, the backbone of LPIPS."""
INCEPTION = Weights(
    "Inception (for FID, Inception Score, feature and KNN distance)",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
)
"""TensorFlow's Inception of 2015-12-05 as ported for pytorch-fid."""
SHIFT_TOLERANT = PackagedWeights(
    "ST-LPIPS", "stlpips_pytorch", "0.0.2", "weights/vST0.0/alex_shift_tolerant.pth", "perceptual"
)
"""An AlexNet without strides that alias, with its calibration, as the authors of ST-LPIPS trained both."""


_UNIT = (0.0, 1.0)
_TABLE = (
    Metric(
        "psnr",
        "PSNR",
        deferred(lambda: metrics.psnr),
        "higher",
        unit="dB",
        digits=2,
        brief=1,
        ceiling=100.0,  # more than a single wrong bit leaves in a picture of less than a megapixel
        buckets=tuple(float(level) for level in range(4, 52, 2)),
    ),
    Metric("ssim", "SSIM", deferred(lambda: metrics.ssim), "higher", smallest=SMALLEST, limits=_UNIT),
    Metric("ms_ssim", "MS-SSIM", deferred(lambda: metrics.ms_ssim), "higher", smallest=44, limits=_UNIT),
    Metric("l2", "L2", deferred(lambda: metrics.l2), "lower", digits=4, brief=4),
    Metric(
        "eq14",
        "Eq. 14",
        deferred(lambda: metrics.eq14),
        "higher",
        digits=1,
        brief=1,
        ceiling=250.0,
        buckets=tuple(float(level) for level in range(4, 84, 4)),
    ),
    Metric("fsim", "FSIM", deferred(lambda: metrics.fsim), "higher", limits=_UNIT),
    Metric("vsi", "VSI", deferred(lambda: metrics.vsi), "higher", limits=_UNIT),
    Metric("haarpsi", "HaarPSI", deferred(lambda: metrics.haarpsi), "higher", smallest=16, limits=_UNIT),
    Metric("sr_sim", "SR-SIM", deferred(lambda: metrics.sr_sim), "higher", smallest=40, limits=_UNIT),
    Metric("dss", "DSS", deferred(lambda: metrics.dss), "higher", smallest=32, limits=_UNIT),
    Metric("mdsi", "MDSI", deferred(lambda: metrics.mdsi), "lower"),
    Metric("lpips", "LPIPS", deferred(lambda: metrics.lpips), "lower", weights=ALEXNET, smallest=31),
    Metric("stlpips", "ST-LPIPS", deferred(lambda: metrics.stlpips), "lower", weights=SHIFT_TOLERANT, smallest=21),
    Metric(
        "feature_distance",
        "Feature distance",
        deferred(lambda: metrics.inception_distance),
        "lower",
        weights=INCEPTION,
        digits=2,
        brief=2,
        buckets=tuple(float(level) for level in range(1, 41)),
    ),
    Metric(
        "knn_distance", "KNN distance", deferred(lambda: metrics.nearest_inception_distance), "lower", scope="set",
        weights=INCEPTION, digits=2,
    ),
    Metric("fid", "FID", deferred(lambda: metrics.fid), "lower", scope="set", weights=INCEPTION, fewest=2, digits=1),
    Metric(
        "inception_score", "Inception Score", deferred(lambda: metrics.inception_score_of_reconstructions), "higher",
        scope="set", weights=INCEPTION, digits=2,
    ),
)  # fmt: skip
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""By name. KNN and feature distance are of Inception's features; papers take those of a classifier of their own."""


def metric_named(name: str) -> Metric:
    """The metric of a name in the table, or ``package.module:name`` from the current folder or an installed package.

    >>> metric_named("psnr").label
    'PSNR, dB'

    Raises:
        UsageError: no such metric; the message lists the nearest names.
    """
    if found := METRICS.get(name):
        return found
    if ":" not in name:
        raise unknown_name("metric", name, [*METRICS, "package.module:name"])
    try:
        own = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the metric {error}") from error
    if not isinstance(own, Metric):
        raise UsageError(f"{name}: expected a keyhole.metrics.Metric, got {type(own).__name__}")
    return replace(own, name=name)


def metrics_named(names: Sequence[str], *, scope: str | None = None, flag: str = "--metrics") -> tuple[Metric, ...]:
    """The metrics of a flag, in their order, each once.

    Args:
        names: see `metric_named`.
        scope: "picture" where values of sets make no sense; None takes both.
        flag: that named them, for messages.

    Raises:
        UsageError: none, no such metric, or one of another scope.
        MissingWeightsError: one needs weights that are not on this machine; nothing is downloaded.
    """
    if not names:
        raise UsageError(f"{flag}: expected one or more of {', '.join(METRICS)}")
    found = tuple(metric_named(name) for name in dict.fromkeys(names))
    for metric in found:
        if scope and metric.scope != scope:
            raise UsageError(f"{flag} {metric.name}: a value of a set of pictures, which no single picture has")
        if metric.weights:
            metric.weights.require()
    return found
