"""Patches that a transformer does without while it learns."""

import copy

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from keyhole.targets.target import TargetError
from keyhole.train.tasks.reid.patches import leave_out_patches


def transformer() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=4)


def seen(network: nn.Module) -> int:
    """Tokens that reach the first block."""
    counts = []
    handle = network.blocks[0].register_forward_hook(lambda _block, args, _answer: counts.append(args[0].shape[1]))  # type: ignore[index,operator,union-attr]
    network(torch.rand(2, 3, 32, 32))
    handle.remove()
    return int(counts[0])


def test_a_share_of_the_patches_is_left_out_in_training_alone() -> None:
    whole, part = transformer(), transformer()
    leave_out_patches(part, 0.5)
    assert part.state_dict().keys() == whole.state_dict().keys()
    assert (seen(whole.train()), seen(part.train())) == (17, 9)
    pictures = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(part.eval()(pictures), whole.eval()(pictures), rtol=0, atol=0)


def test_without_a_share_nothing_changes() -> None:
    network = nn.Conv2d(3, 4, 1)
    before = copy.deepcopy(network)
    leave_out_patches(network, 0.0)
    assert str(network) == str(before)


@pytest.mark.parametrize("share", [-0.5, 1.0])
def test_no_share_is_refused(share: float) -> None:
    with pytest.raises(TargetError, match="expected 0 or more, and less than 1"):
        leave_out_patches(transformer(), share)


def test_networks_without_patches_are_refused() -> None:
    with pytest.raises(TargetError, match="no patches"):
        leave_out_patches(nn.Conv2d(3, 4, 1), 0.5)
