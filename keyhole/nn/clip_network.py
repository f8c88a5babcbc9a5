"""Networks for the frames of a clip together (§5.2 and Fig. 9 of the feature-inversion paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from keyhole.nn.payload import PayloadNetwork, Shape

FrameNetwork = Callable[[Sequence[Shape], Shape], PayloadNetwork]
"""A network of single frames, from the shapes of payload and output."""


class ClipNetwork(PayloadNetwork):
    """The payloads of K frames are concatenated along their channels, mixed by a 1×1 convolution and split into K
    again; each part goes through one network, whose weights the frames share.

    The paper does not say how the convolution starts. Here it is the identity, so that the network begins as that of
    single frames.

    Args:
        shapes: of the live tensors for one clip, K×… each.
        output: K×C×h×w of the generator's input.
        network: the shared one.
        mixed: whether there is the convolution; without it frames do not meet.

    >>> from keyhole.nn.unet import InversionUNet
    >>> ClipNetwork([(4, 64, 8, 8)], (4, 3, 8, 8), InversionUNet)(torch.rand(2, 4, 64, 8, 8)).shape
    torch.Size([2, 4, 3, 8, 8])

    Raises:
        ValueError: live tensors of clips of different lengths.
    """

    def __init__(self, shapes: Sequence[Shape], output: Shape, network: FrameNetwork, *, mixed: bool = True) -> None:
        lengths = {shape[0] for shape in (*shapes, output)}
        if len(lengths) != 1:
            raise ValueError(f"payload of shapes {tuple(shapes)} for {tuple(output)}: clips of different lengths")
        super().__init__([shape[1:] for shape in shapes], (output[-2], output[-1]))
        (self.frames,) = lengths
        channels = self.layout.channels
        self.mixing: nn.Module = _identity(self.frames * channels) if mixed else nn.Identity()
        self.shared = network([(channels, *self.layout.grid)], output[1:])
        self._lay_out()

    def forward(self, *tensors: Tensor) -> Tensor:
        """The live tensors, N×K×… each, to N×K×C×h×w.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        maps = self.maps([tensor.flatten(0, 1) for tensor in tensors])
        mixed: Tensor = self.mixing(in_clips(maps, self.frames).flatten(1, 2))
        return in_clips(self.shared(mixed.reshape(-1, *maps.shape[1:])), self.frames)

    @torch.no_grad()
    def standardise(self, tensors: Sequence[Tensor]) -> None:
        """See `PayloadNetwork`; of typical clips, N×K×… each. All frames are standardised alike."""
        super().standardise([tensor.flatten(0, 1) for tensor in tensors])


def in_clips(tensor: Tensor, frames: int) -> Tensor:
    """Frames one after another, N×…, as clips×frames×….

    Raises:
        ValueError: N is no multiple of the frames of a clip.
    """
    if len(tensor) % frames:
        raise ValueError(f"{len(tensor)} frames are no whole number of clips of {frames}")
    return tensor.reshape(-1, frames, *tensor.shape[1:])


def mixing_parameters(channels: int, frames: int) -> int:
    """Weights of the 1×1 convolution over the payloads of a clip.

    >>> mixing_parameters(channels=64, frames=4)
    65792
    """
    width = channels * frames
    return width * width + width


def _identity(width: int) -> nn.Conv2d:
    layer = nn.Conv2d(width, width, 1)
    with torch.no_grad():
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
