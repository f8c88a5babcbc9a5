"""Patches that a transformer does without while it learns."""

from __future__ import annotations

from timm.layers.patch_dropout import PatchDropout
from torch import nn

from keyhole.targets.target import TargetError


def leave_out_patches(network: nn.Module, share: float) -> None:
    """Let a transformer of timm see only some patches of each training picture, others every time.

    A step costs as many times less, and what is found does not hang on one place (Liu et al. 2022, "PatchDropout").
    Where the network answers, it sees them all; a last run that learns from all is worth its time (Li et al. 2023,
    "Scaling language-image pre-training via masking", §4.1).

    Args:
        network: changed in place; its weights are the same.
        share: of the patches that is left out, 0 … 1.

    Raises:
        TargetError: the share is no share, or the network has no patches.
    """
    if not share:
        return
    if not 0 < share < 1:
        raise TargetError(f"--patch-drop {share}: expected 0 or more, and less than 1")
    if not hasattr(network, "patch_drop"):
        raise TargetError("--patch-drop: this architecture has no patches; expected a ViT, timm:vit_…")
    network.patch_drop = PatchDropout(share, num_prefix_tokens=network.num_prefix_tokens)  # type: ignore[arg-type]
