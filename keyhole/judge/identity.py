"""Tells vehicles apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transform

from keyhole.targets.architectures import architecture
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess

ARCHITECTURE = "timm:regnetx_002"
"""Neither a ResNet-18 nor a transformer, which are what is attacked."""
_LEFT_OUT = ("b6", "b7")
"""Blocks of the last stage, ``s4``, whose seven hold most of the weights."""
SIDE = 128
"""Of the pictures that are looked at, in pixels; others are resized."""
PREPROCESS = Preprocess(SIDE)


class Embedder(nn.Module):
    """RegNetX-200MF (Radosavovic et al. 2020) without its last two blocks, with a BNNeck in its classifier's place.

    1.7 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = with_neck(architecture(ARCHITECTURE), None)
        for block in _LEFT_OUT:
            delattr(self.network.get_submodule("s4"), block)

    def forward(self, pictures: Tensor) -> Tensor:
        """Unit vectors, N×368, of RGB pictures in [0, 1], N×3×H×W."""
        if pictures.shape[-2:] != (SIDE, SIDE):
            pictures = transform.resize(pictures, [SIDE, SIDE], antialias=True)
        return F.normalize(self.network(PREPROCESS.normalise(pictures)))
