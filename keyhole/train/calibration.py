"""Batch-norm statistics as the finished target needs them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from keyhole.targets.preprocess import Preprocess
from keyhole.train.task import Task

_BATCH = 128


def calibrate(network: nn.Module, task: Task) -> None:
    """Take the batch-norm statistics of ``network`` anew, as the task's recipe says; networks without any stay."""
    if task.recipe.calibration:
        device = next(network.parameters()).device
        update_bn(task.plain(task.recipe.calibration), network, device)


def plain_batches(pictures: Tensor, count: int, preprocess: Preprocess) -> Iterator[Tensor]:
    """``count`` of the pictures, evenly spread over them, uncropped.

    Args:
        pictures: uint8, N×3×H×W.
        count: how many, at most N are there.
        preprocess: of the target.

    Yields:
        Normalised pictures, up to 128×3×size×size.
    """
    count = min(count, len(pictures))
    chosen = torch.arange(count) * len(pictures) // count
    for places in torch.tensor_split(chosen, max(1, count // _BATCH)):
        inputs = preprocess(pictures[places].float() / 255)
        yield inputs.contiguous(memory_format=torch.channels_last)
