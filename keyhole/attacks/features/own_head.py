"""Features of the known head beside those of frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from keyhole.attacks.base import Observation, WhiteBox, stacked
from keyhole.attacks.features.objective import relative_distance
from keyhole.partition import features_of


def observed_of(frames: Sequence[Observation], device: torch.device) -> tuple[Tensor, ...]:
    """The frames' tensors along the batch dimension, on the device, in the layout that a head's features have.

    Raises:
        MismatchError: the frames' shapes differ.
    """
    return tuple(tensor.to(device).contiguous(memory_format=_layout(tensor)) for tensor in stacked(frames))


def head_features(known: WhiteBox, pictures: Tensor) -> tuple[Tensor, ...]:
    """What the head makes of RGB pictures in [0, 1], N×3×H×W, before the defence; on the device."""
    with torch.no_grad():
        return features_of(known.head, known.normalise, pictures.to(known.device))


def feature_distances(known: WhiteBox, pictures: Tensor, frames: Sequence[Observation]) -> Tensor:
    """How far the features of RGB pictures in [0, 1] are from the frames', as far as the defence leaves them to be
    compared; one number per picture, on the CPU.

    Raises:
        MismatchError: the frames' shapes differ.
    """
    observed = observed_of(frames, known.device)
    return relative_distance(*known.defence.comparable(head_features(known, pictures), observed)).cpu()


def _layout(tensor: Tensor) -> torch.memory_format:
    return torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
