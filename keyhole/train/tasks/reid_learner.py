"""The network of re-identification under training, its loss, and patch dropout."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from timm.layers.patch_dropout import PatchDropout
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.targets.neck import neck_path
from keyhole.targets.target import TargetError

_SHARPNESS = 16


class Answers(NamedTuple):
    """A learner's answers to N pictures.

    Attributes:
        features: before the BNNeck, N×D.
        logits: N×identities.
        taught: guesses of a teacher's embeddings, N×length; None without a teacher.
    """

    features: Tensor
    logits: Tensor
    taught: Tensor | None


class ReidLearner(nn.Module):
    """Backbone, BNNeck and a linear classifier of the training identities, without bias (Luo et al. 2019, §3.5).

    Args:
        network: N×3×H×W to embeddings, N×D, with a BNNeck (see `keyhole.targets.neck`); it is taken apart.
        identities: how many the classifier tells apart.
        taught: length of a teacher's embeddings, which a linear layer guesses from the network's own; None: no teacher.
    """

    def __init__(self, network: nn.Module, identities: int, taught: int | None = None) -> None:
        super().__init__()
        self._path = neck_path(network)
        neck = network.get_submodule(self._path)
        width = int(neck.num_features)  # type: ignore[arg-type]
        network.set_submodule(self._path, nn.Identity())
        self.backbone = network
        self.neck = neck
        self.classifier = nn.Linear(width, identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        self.pupil = None if taught is None else nn.Linear(width, taught)

    def forward(self, inputs: Tensor) -> Answers:
        """Answers to normalised pictures, N×3×H×W."""
        features = self.backbone(inputs)
        embeddings = self.neck(features)
        return Answers(features, self.classifier(embeddings), self.pupil(embeddings) if self.pupil else None)

    @torch.no_grad()
    def imprint(self, own: Tensor, taught: Tensor, identities: Tensor) -> None:
        """Start from an earlier training of the network, whose classifier is gone.

        The classifier starts from the network's mean embedding of each identity (Qi et al. 2018, "Low-Shot Learning
        with Imprinted Weights"), the guess of a teacher's embeddings from a least-squares fit. Random layers would undo
        much of what the network knows while they learn.

        Args:
            own: embeddings of training pictures by the network as it is, unit vectors, N×D.
            taught: a teacher's, N×length.
            identities: of these pictures, N integers.
        """
        weight = self.classifier.weight
        means = torch.zeros_like(weight).index_add_(0, identities.to(weight.device), own.to(weight))
        # What leaves the neck is about √D long, so that logits lie between -16 and 16.
        weight.copy_(_SHARPNESS / math.sqrt(weight.shape[1]) * F.normalize(means))
        if self.pupil is not None:
            self.pupil.weight.copy_(torch.linalg.lstsq(own, taught).solution.T)
            nn.init.zeros_(self.pupil.bias)

    def network(self) -> nn.Module:
        """A copy of the network as it was given, with the weights that it has now."""
        network = copy.deepcopy(self.backbone)
        network.set_submodule(self._path, copy.deepcopy(self.neck))
        return network


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


def leave_out_patches(network: nn.Module, share: float) -> None:
    """Let a transformer of timm see only some patches of each training picture, others every time.

    A step costs as many times less, and what is found does not hang on one place (Liu et al. 2022, "PatchDropout").
    Where the network answers, it sees them all; a last run that learns from all is worth its time (Li et al. 2023,
    "Scaling language-image pre-training via masking", §4.1).

    Args:
        network: changed in place; its weights are the same.
        share: of the patches that is left out, 0 … 1.

    Raises:
        TargetError: the share is no share, or the network has no patches.
    """
    if not share:
        return
    if not 0 < share < 1:
        raise TargetError(f"--patch-drop {share}: expected 0 or more, and less than 1")
    if not hasattr(network, "patch_drop"):
        raise TargetError("--patch-drop: this architecture has no patches; expected a ViT, timm:vit_…")
    network.patch_drop = PatchDropout(share, num_prefix_tokens=network.num_prefix_tokens)  # type: ignore[arg-type]
