"""Device and memory layout in which networks compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from keyhole.service.errors import UsageError

CPU = torch.device("cpu")

NARROWEST = 8
"""Channels of a single-precision vector register of AVX2."""
_COLOURS = 3
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def device_named(name: str) -> torch.device:
    """The device of that name.

    Args:
        name: ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.

    Raises:
        UsageError: a GPU is asked for, and torch finds none.

    >>> device_named("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda") if torch.cuda.is_available() else CPU
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device cuda: torch {torch.__version__} finds no GPU here; give --device cpu or auto")
    return torch.device(name)


@dataclass(frozen=True)
class MemoryLayout:
    """Channels last, with which processors convolve faster, or contiguous where a convolution is too narrow for it.

    The CPU library under torch 2.14 corrupts memory in the weight gradient of some convolutions of fewer channels than
    a vector register holds, when weights or inputs are channels last. Both are contiguous then: weights alone do not
    help.

    Attributes:
        form: of tensors of four dimensions; others stay as they are.
    """

    form: torch.memory_format

    @classmethod
    def of(cls, module: nn.Module) -> Self:
        """The layout in which a network can be trained.

        >>> MemoryLayout.of(nn.Conv2d(3, 64, 7)).form, MemoryLayout.of(nn.Conv2d(6, 64, 1)).form
        (torch.channels_last, torch.contiguous_format)
        """
        narrow = any(_narrow(layer) for layer in module.modules() if isinstance(layer, _CONVOLUTIONS))
        return cls(torch.contiguous_format if narrow else torch.channels_last)

    def module(self, module: nn.Module) -> None:
        """Lay a network's weights out, in place."""
        module.to(memory_format=self.form)

    def tensor(self, tensor: Tensor) -> Tensor:
        """A tensor of a batch, laid out."""
        return tensor.contiguous(memory_format=self.form) if tensor.dim() == 4 else tensor


def _narrow(layer: nn.modules.conv._ConvNd) -> bool:
    """Whether features are convolved in fewer than `NARROWEST` channels; a picture's colours are no features unless
    they are mixed point by point."""
    pointwise = all(side == 1 for side in layer.kernel_size)
    widths = (layer.in_channels // layer.groups, layer.out_channels // layer.groups)
    return any(width < NARROWEST and (pointwise or width > _COLOURS) for width in widths)
