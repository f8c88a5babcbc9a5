"""The papers' names of cuts: ``L8`` and the like."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

COUNTED: Mapping[str, int] = {
    "torchvision.models.resnet.BasicBlock": 2,
    "torchvision.models.resnet.Bottleneck": 3,
    "torchvision.models.vision_transformer.EncoderBlock": 1,
    "timm.models.resnet.BasicBlock": 2,
    "timm.models.resnet.Bottleneck": 3,
    "timm.models.vision_transformer.Block": 1,
}
"""Layers that each kind of block adds to the count."""


def aliases(model: nn.Module, ends: Mapping[str, int]) -> dict[int, str]:
    """Alias by index of a cut, for every block that `COUNTED` lists.

    ``Lk`` is the end of the block that holds the k-th layer. A ResNet's layers are the convolutions inside its residual
    blocks; the stem and the shortcuts do not count. A transformer's layers are its encoder blocks.

    The paper that uses these names (diffusion-based feature inversion, section 6.2) does not define them. They are
    read so because every one of them then falls on the end of a block and the last one on the end of the network's
    trunk: ResNet-50 has 48 such convolutions, and the paper's deepest cut of it is L48; likewise L16 of ResNet-18. With
    the stem counted, each name would fall inside a block, where two tensors are live.

    =========  =====================================================================================
    ResNet-18  L4 = layer1.1, L8 = layer2.1, L12 = layer3.1, L16 = layer4.1
    ResNet-50  L12 = layer2.0, L24 = layer3.0, L36 = layer3.4, L48 = layer4.2
    ViT-B      Lk = encoder.layers.encoder_layer_{k-1} (torchvision), blocks.{k-1} (timm)
    =========  =====================================================================================
    """
    found: dict[int, str] = {}
    layers = 0
    for path, module in model.named_modules():
        counted = COUNTED.get(f"{type(module).__module__}.{type(module).__qualname__}")
        if counted and path in ends:
            layers += counted
            found[ends[path]] = f"L{layers}"
    return found
