"""Narrow vision transformers for small pictures: timm's, with a convolutional stem and few channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import nn

from keyhole.sizes import Size, height_width
from keyhole.targets.conv_stem import ConvStem
from keyhole.targets.target import TargetError

PATCH = 16
"""Pixels of a patch's side."""
_BLOCKS, _HEAD = 8, 32
"""Blocks, and channels of a head of attention."""


def narrow_vit(width: int, size: Size, outputs: int) -> nn.Module:
    """A ViT of 8 blocks whose answer is a linear layer of the mean over its tokens (Zhai et al. 2022, "Scaling vision
    transformers", §2.2); weights are random.

    Args:
        width: length of a token.
        size: of the picture in pixels, multiples of `PATCH`.
        outputs: length of the answer.

    Raises:
        TargetError: the size is no multiple of a patch.
    """
    from timm.models.vision_transformer import VisionTransformer  # noqa: PLC0415  (timm takes seconds to import)

    height, width_of_picture = height_width(size)
    if height % PATCH or width_of_picture % PATCH:
        raise TargetError(f"a narrow ViT takes pictures whose sides are multiples of {PATCH} pixels")
    model: nn.Module = VisionTransformer(
        img_size=(height, width_of_picture),
        patch_size=PATCH,
        embed_dim=width,
        depth=_BLOCKS,
        num_heads=width // _HEAD,
        num_classes=outputs,
        class_token=False,
        global_pool="avg",
    )
    model.patch_embed = ConvStem(width)
    return model


NARROW_VITS: Mapping[str, Callable[[Size, int], nn.Module]] = MappingProxyType(
    {f"vit-{width}": partial(narrow_vit, width) for width in (64, 96, 128)}
)
"""``vit-128`` … by name: the picture's size and a number of outputs to a new network with random weights."""
