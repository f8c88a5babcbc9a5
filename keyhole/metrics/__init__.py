"""Metrics of reconstructions, thin over torchmetrics and piq; `METRICS` lists them by name."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.metrics.base import Metric, MissingWeightsError, PackagedWeights, Weights
    from keyhole.metrics.distribution import (
        fid,
        frechet_distance,
        inception_distance,
        inception_score,
        inception_score_of_logits,
        inception_score_of_reconstructions,
        nearest_inception_distance,
    )
    from keyhole.metrics.perceptual import dss, fsim, haarpsi, lpips, mdsi, sr_sim, vsi
    from keyhole.metrics.recognition import (
        Embedder,
        Retrieval,
        Views,
        embed,
        feature_distance,
        knn_distance,
        retrieve,
        top_k_accuracy,
    )
    from keyhole.metrics.registry import METRICS, metric_named, metrics_named
    from keyhole.metrics.shift_tolerant import stlpips
    from keyhole.metrics.similarity import eq14, l2, ms_ssim, psnr, ssim

__all__ = [
    "METRICS",
    "Embedder",
    "Metric",
    "MissingWeightsError",
    "PackagedWeights",
    "Retrieval",
    "Views",
    "Weights",
    "dss",
    "embed",
    "eq14",
    "feature_distance",
    "fid",
    "frechet_distance",
    "fsim",
    "haarpsi",
    "inception_distance",
    "inception_score",
    "inception_score_of_logits",
    "inception_score_of_reconstructions",
    "knn_distance",
    "l2",
    "lpips",
    "mdsi",
    "metric_named",
    "metrics_named",
    "ms_ssim",
    "nearest_inception_distance",
    "psnr",
    "retrieve",
    "sr_sim",
    "ssim",
    "stlpips",
    "top_k_accuracy",
    "vsi",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.metrics.base": ("Metric", "MissingWeightsError", "PackagedWeights", "Weights"),
        "keyhole.metrics.distribution": (
            "fid",
            "frechet_distance",
            "inception_distance",
            "inception_score",
            "inception_score_of_logits",
            "inception_score_of_reconstructions",
            "nearest_inception_distance",
        ),
        "keyhole.metrics.perceptual": ("dss", "fsim", "haarpsi", "lpips", "mdsi", "sr_sim", "vsi"),
        "keyhole.metrics.recognition": (
            "Embedder",
            "Retrieval",
            "Views",
            "embed",
            "feature_distance",
            "knn_distance",
            "retrieve",
            "top_k_accuracy",
        ),
        "keyhole.metrics.registry": ("METRICS", "metric_named", "metrics_named"),
        "keyhole.metrics.shift_tolerant": ("stlpips",),
        "keyhole.metrics.similarity": ("eq14", "l2", "ms_ssim", "psnr", "ssim"),
    },
)
