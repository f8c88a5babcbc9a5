"""Tells vehicles apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transform

from keyhole.targets.architectures import architecture
from keyhole.targets.neck import with_neck
from keyhole.targets.preprocess import Preprocess

ARCHITECTURE = "timm:mobilenetv3_small_100"
"""Neither a ResNet nor a transformer, which are what is attacked."""
PREPROCESS = Preprocess(128)
"""Of the pictures that are looked at; others are resized."""


class Embedder(nn.Module):
    """MobileNetV3-small (Howard et al. 2019) with a BNNeck in its classifier's place. 1.5 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.network = with_neck(architecture(ARCHITECTURE), None)

    def forward(self, pictures: Tensor) -> Tensor:
        """Unit vectors, N×1024, of RGB pictures in [0, 1], N×3×H×W."""
        sides = [PREPROCESS.size, PREPROCESS.size]
        if list(pictures.shape[-2:]) != sides:
            pictures = transform.resize(pictures, sides, antialias=True)
        return F.normalize(self.network(PREPROCESS.normalise(pictures)))
