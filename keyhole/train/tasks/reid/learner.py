"""What is trained: a network with a BNNeck, and the classifier that only the training uses."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.targets.neck import neck_path

_SHARPNESS = 16


class Answers(NamedTuple):
    """What a learner says of N pictures.

    Attributes:
        features: before the BNNeck, N×D.
        logits: N×identities.
        taught: guesses of a teacher's embeddings, N×length; None without a teacher.
    """

    features: Tensor
    logits: Tensor
    taught: Tensor | None


class Learner(nn.Module):
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
        """Go on where a training has ended whose classifier is gone.

        The classifier starts from what the network says of each identity (Qi et al. 2018, "Low-Shot Learning with
        Imprinted Weights"), the guess of a teacher's embeddings from a least-squares fit. Random layers would undo,
        while they learn, much of what the network knows.

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
