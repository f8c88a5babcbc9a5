"""The surrogate inversion network f_adv (§III-B3 and §IV-A)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, fx, nn

from keyhole.nn.mirror import MirrorNetwork


class Surrogate(nn.Module):
    """The mirror of a head, which can be brought to pictures of another size.

    The paper lets it take "the output of the last convolution layer of the target network" and invert "all the neural
    network layers in the target network"; Algorithm 1 and Eq. 8 let it take f_e(x). The equation is followed: it
    mirrors the whole head and takes what crosses the cut. The two are the same where the whole trunk is on the edge.

    Args:
        shape: of what crosses for one picture, without the batch.
        size: side of the pictures in pixels.
        layers: transposed convolutions; None: as the shape suggests.
    """

    def __init__(self, shape: tuple[int, ...], size: int, layers: int | None) -> None:
        super().__init__()
        self.network = MirrorNetwork([shape], size, layers)
        self._layers = layers

    def forward(self, features: Tensor) -> Tensor:
        """What crosses, N×…, to pictures around [0, 1], N×3×size×size."""
        pictures: Tensor = self.network(features)
        return pictures

    def fit_to(self, shape: tuple[int, ...], size: int) -> None:
        """From now on take the features of pictures of another size, with the same weights."""
        if (self.network.layout.shapes, self.network.size) == ((tuple(shape),), size):
            return
        resized = MirrorNetwork([shape], size, self._layers).to(self.network.mean.device)
        resized.body = self.network.body
        resized.mean, resized.deviation = self.network.mean, self.network.deviation
        self.network = resized

    def standardise(self, features: Tensor) -> None:
        """Take the channels of typical features, N×…, as what is usual; the masks shrink them as they are trained."""
        self.network.standardise((features,))


def reconstruction_distance(pictures: Tensor, reconstructed: Tensor) -> Tensor:
    """L_adv = ‖x − f_adv(f_e(x))‖₂ (Eq. 8), the mean over a batch of each picture's own norm.

    The equation is for "an input sample x"; a norm over a whole batch would grow with its size.

    Args:
        pictures: in [0, 1], N×3×H×W.
        reconstructed: the same shape.
    """
    distances: Tensor = torch.linalg.vector_norm((pictures - reconstructed).flatten(1), dim=1)
    return distances.mean()


def mirrored_layers(head: fx.GraphModule) -> int | None:
    """Convolutions on a head's way, without the 1×1 ones of shortcuts; None where there are fewer than two."""
    sizes = [layer.kernel_size for layer in _layers(head) if isinstance(layer, nn.Conv2d)]
    count = sum(max(size) > 1 for size in sizes)
    return count if count > 1 else None


def _layers(head: fx.GraphModule) -> Iterable[nn.Module]:
    return (head.get_submodule(str(node.target)) for node in head.graph.nodes if node.op == "call_module")
