"""What a reconstruction is worth: thin over torchmetrics and piq."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.metrics.accuracy import top_k_accuracy
    from keyhole.metrics.deviation import eq14, l2
    from keyhole.metrics.distribution import frechet_distance, inception_score_of_logits
    from keyhole.metrics.embedding import Embedder, embed, feature_distance, knn_distance
    from keyhole.metrics.inception import fid, inception_score
    from keyhole.metrics.learned import lpips
    from keyhole.metrics.perceptual import dss, fsim, haarpsi, mdsi, sr_sim, vsi
    from keyhole.metrics.retrieval import Retrieval, Views, retrieve
    from keyhole.metrics.similarity import ms_ssim, psnr, ssim
    from keyhole.metrics.table import METRICS, Metric
    from keyhole.metrics.weights import MissingWeightsError, Weights

__all__ = [
    "METRICS",
    "Embedder",
    "Metric",
    "MissingWeightsError",
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
    "inception_score",
    "inception_score_of_logits",
    "knn_distance",
    "l2",
    "lpips",
    "mdsi",
    "ms_ssim",
    "psnr",
    "retrieve",
    "sr_sim",
    "ssim",
    "top_k_accuracy",
    "vsi",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.metrics.accuracy": ("top_k_accuracy",),
        "keyhole.metrics.deviation": ("eq14", "l2"),
        "keyhole.metrics.distribution": ("frechet_distance", "inception_score_of_logits"),
        "keyhole.metrics.embedding": ("Embedder", "embed", "feature_distance", "knn_distance"),
        "keyhole.metrics.inception": ("fid", "inception_score"),
        "keyhole.metrics.learned": ("lpips",),
        "keyhole.metrics.perceptual": ("dss", "fsim", "haarpsi", "mdsi", "sr_sim", "vsi"),
        "keyhole.metrics.retrieval": ("Retrieval", "Views", "retrieve"),
        "keyhole.metrics.similarity": ("ms_ssim", "psnr", "ssim"),
        "keyhole.metrics.table": ("METRICS", "Metric"),
        "keyhole.metrics.weights": ("MissingWeightsError", "Weights"),
    },
)
