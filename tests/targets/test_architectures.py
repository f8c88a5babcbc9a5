"""A ViT whose patch embedding is convolutions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from keyhole.targets.conv_stem import ConvStem
from keyhole.targets.load import load_target
from keyhole.targets.target import TargetError

NAME = "conv-stem:vit_tiny_patch16_224"


def test_tokens_are_those_of_the_convolutions_row_by_row() -> None:
    """Against the paper's stem written out: 3×3 convolutions of stride 2 with BN and ReLU, and one of 1×1."""
    torch.manual_seed(0)
    stem = ConvStem(32).eval()
    state = stem.state_dict()
    pictures = torch.randn(2, 3, 64, 48)
    expected = pictures
    for layer in range(0, 12, 3):
        expected = F.conv2d(expected, state[f"convolutions.{layer}.weight"], stride=2, padding=1)
        expected = F.relu(expected / (1 + 1e-5) ** 0.5)
    expected = F.conv2d(expected, state["projection.weight"], state["projection.bias"])
    assert expected.shape == (2, 32, 4, 3)
    with torch.no_grad():
        tokens = stem(pictures)
    assert tokens.shape == (2, 12, 32)
    torch.testing.assert_close(tokens[:, 7], expected[:, :, 2, 1])


def test_weights_of_a_file_fit_it_and_not_the_plain_vit(tmp_path: Path) -> None:
    target = load_target(NAME, size=32)
    assert any(isinstance(module, ConvStem) for module in target.model.modules())
    state = {name: value.contiguous() for name, value in target.model.state_dict().items()}
    save_file(state, tmp_path / "vit.safetensors")
    assert load_target(NAME, tmp_path / "vit.safetensors", size=32).hash == target.hash
    with pytest.raises(TargetError, match="patch_embed"):
        load_target("timm:vit_tiny_patch16_224", tmp_path / "vit.safetensors", size=32)


def test_the_hub_has_no_weights_for_it() -> None:
    with pytest.raises(TargetError, match=r"^the hub has no weights of vit_tiny_patch16_224 with a conv"):
        load_target(NAME, "pretrained", size=32)
