"""Cross-entropy on identities and triplets on features."""

from __future__ import annotations

from dataclasses import dataclass

from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class ReidLoss:
    """Cross-entropy with label smoothing plus the triplet loss with batch-hard mining, weighted equally.

    PATROL §IV-A names the two losses; the weights, the margin and where they act are those of "Bag of tricks" (Luo et
    al. 2019, §3.5): triplets on the features before the BNNeck, by Euclidean distance, cross-entropy on the logits
    after it. Mining is that of Hermans et al. 2017, eq. 5: for each picture the farthest of its identity and the
    nearest of another; the mean goes over all pictures, those that violate no margin included.

    Attributes:
        margin: how much nearer, in the unit of the features, the same identity must be.
        smoothing: share of the target spread over all identities.
    """

    margin: float = 0.3
    smoothing: float = 0.1

    def __call__(self, features: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            features: N×D, before the BNNeck.
            logits: N×identities.
            labels: N integers.

        Returns:
            A scalar.
        """
        distance = LpDistance(normalize_embeddings=False)
        features = features.float()
        hardest = BatchHardMiner(distance=distance)(features, labels)
        triplet = TripletMarginLoss(self.margin, distance=distance, reducer=MeanReducer())
        entropy = F.cross_entropy(logits, labels, label_smoothing=self.smoothing)
        return entropy + triplet(features, labels, hardest)  # type: ignore[no-any-return]
