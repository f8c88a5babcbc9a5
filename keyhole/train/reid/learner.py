"""What is trained: a network with a BNNeck, and the classifier that only the training uses."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from keyhole.targets.neck import neck_path


class Learner(nn.Module):
    """Backbone, BNNeck and a linear classifier of the training identities, without bias (Luo et al. 2019, §3.5).

    Args:
        network: N×3×H×W to embeddings, N×D, with a BNNeck (see `keyhole.targets.neck`); it is taken apart.
        identities: how many the classifier tells apart.
    """

    def __init__(self, network: nn.Module, identities: int) -> None:
        super().__init__()
        self._path = neck_path(network)
        neck = network.get_submodule(self._path)
        width = int(neck.num_features)  # type: ignore[arg-type]
        network.set_submodule(self._path, nn.Identity())
        self.backbone = network
        self.neck = neck
        self.classifier = nn.Linear(width, identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Features before the BNNeck, N×D, and logits, N×identities, of normalised pictures, N×3×H×W."""
        features = self.backbone(inputs)
        return features, self.classifier(self.neck(features))

    def network(self) -> nn.Module:
        """A copy of the network as it was given, with the weights that it has now."""
        network = copy.deepcopy(self.backbone)
        network.set_submodule(self._path, copy.deepcopy(self.neck))
        return network
