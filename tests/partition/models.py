"""Models and pictures for the tests of this folder."""

from collections.abc import Callable

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer

from keyhole.targets.architectures import architecture


class Looks(nn.Module):
    """A block whose code looks at the numbers in a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        return y * 2 if y.sum() > 0 else y


def looking() -> nn.Module:
    """A model with a block that cannot be traced through."""
    return nn.Sequential(nn.Conv2d(3, 4, 1), Looks(), nn.Flatten())


def build(name: str, **arguments: int) -> nn.Module:
    """A model of torchvision or timm (``timm:NAME``) with random weights, in eval mode."""
    family, _, own = name.rpartition(":")
    make: Callable[..., nn.Module] = timm.create_model if family == "timm" else torchvision.models.get_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(own, **arguments).eval()


def conv_stem_vit() -> nn.Module:
    """timm's ViT-tiny with a convolutional stem, for pictures of 32 pixels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        entry = architecture("conv-stem:vit_tiny_patch16_224")
        return entry.family.build(entry.name, size=32, outputs=5, pretrained=False).eval()


def tiny_vit() -> nn.Module:
    """torchvision's vision transformer with two narrow blocks, for pictures of 32 pixels."""
    model: nn.Module = torchvision.models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5
    )
    return model.eval()


def tiny_swin() -> nn.Module:
    """torchvision's Swin with two stages of two narrow blocks."""
    model: nn.Module = SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=[7, 7], num_classes=5
    )
    return model.eval()


def pictures(batch: int, size: int) -> torch.Tensor:
    """The same normal noise for the same batch and size."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(batch))
