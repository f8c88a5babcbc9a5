"""Tells vehicles apart."""

from __future__ import annotations

import timm
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transform

ARCHITECTURE = "mobilenetv3_small_100"
"""Of timm; neither a ResNet nor a transformer, which are what is attacked."""
LENGTH = 128
"""Length of an embedding."""
SIZE = 128
"""Side of the pictures that are looked at, pixels; others are resized."""
_FEATURES = 1024


class Embedder(nn.Module):
    """MobileNetV3-small (Howard et al. 2019) with a linear layer and batch normalisation. 1.7 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0)
        self.project = nn.Linear(_FEATURES, LENGTH, bias=False)
        self.even = nn.BatchNorm1d(LENGTH)

    def forward(self, pictures: Tensor) -> Tensor:
        """Unit vectors, N×128, of RGB pictures in [0, 1], N×3×H×W."""
        return F.normalize(self.even(self.features(pictures)))

    def features(self, pictures: Tensor) -> Tensor:
        """What comes before the batch normalisation, N×128."""
        if pictures.shape[-2:] != (SIZE, SIZE):
            pictures = transform.resize(pictures, [SIZE, SIZE], antialias=True)
        features: Tensor = self.project(self.backbone((pictures - 0.5) / 0.25))
        return features
