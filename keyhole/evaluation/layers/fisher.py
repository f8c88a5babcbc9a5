"""Fisher information of a network's layers for a loss (TL-DMI, Eq. 2), and the two losses (Eq. 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.attacks.classes.base import Answer

Classify = Callable[[Tensor], Answer]
"""RGB pictures in [0, 1], N×3×H×W, to logits and the activations before the last layer, with gradients to weights."""

Loss = Callable[[], Tensor]
"""The loss of one sample, a scalar."""


@dataclass(frozen=True)
class LayerWeights:
    """Weights that are looked at together.

    Attributes:
        name: path of a module.
        parameters: names of its parameters.
    """

    name: str
    parameters: tuple[str, ...]


def layers_of(network: nn.Module, *, whole: bool = False) -> list[LayerWeights]:
    """The layers of a network in the order in which it holds them.

    A layer is a module that holds a matrix or a convolution; gains and biases of a normalisation count to the layer
    before it.

    Args:
        network: any.
        whole: the network's own children instead, each with all that it holds.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for path, parameter in network.named_parameters():
        owner = path.rpartition(".")[0]
        if whole:
            name = path.partition(".")[0]
        elif parameter.dim() > 1 or not name:
            name = owner or path
        found.setdefault(name, []).append(path)
    return [LayerWeights(name, tuple(paths)) for name, paths in found.items()]


def fisher_information(network: nn.Module, losses: Iterable[Loss]) -> dict[str, Tensor]:
    """Mean over samples of the squared gradient, by name of the parameter; 0 where a loss has none.

    Eq. 2 is the negative expected second derivative of a log-likelihood. Its expectation is that of the squared
    gradient, which elastic weight consolidation and Task2Vec take too (Kirkpatrick et al. 2017, Achille et al. 2019).
    Here it is the empirical one, of true labels. With a loss, the negative of a log-likelihood, the minus of Eq. 2 is
    gone; the paper applies it to both losses, of which the inversion's is no likelihood, so its second derivative may
    have any sign. The square has none.

    Args:
        network: in evaluation mode, its weights with gradient.
        losses: of the samples.
    """
    sums = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    count = 0
    for loss in losses:
        parameters = dict(network.named_parameters())
        gradients = torch.autograd.grad(loss(), list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                sums[name] += gradient.detach().square()
        count += 1
    return {name: total / max(1, count) for name, total in sums.items()}


def means_of(information: Mapping[str, Tensor], layers: Sequence[LayerWeights]) -> list[float]:
    """The mean over each layer's parameters."""
    return [
        float(sum(information[name].sum() for name in layer.parameters))
        / sum(information[name].numel() for name in layer.parameters)
        for layer in layers
    ]


def task_losses(classify: Classify, pictures: Tensor, labels: Tensor) -> list[Loss]:
    """Cross-entropy of each of N pictures in [0, 1]."""

    def loss(picture: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(classify(picture[None]).logits, label[None])

    return [partial(loss, picture, label) for picture, label in zip(pictures, labels, strict=True)]


def inversion_losses(classify: Classify, pictures: Tensor, labels: Tensor, centroids: Tensor) -> list[Loss]:
    """‖Φ(x̂) − mean Φ(x_private of y)‖₂ of each reconstruction x̂ of a class y (Eq. 3), with the target's own activations
    Φ. The mean is a constant: what a weight does to the private pictures' activations does not count.

    Args:
        classify: the target.
        pictures: reconstructions, N×3×H×W in [0, 1].
        labels: their classes, N integers.
        centroids: mean activations of each class's private pictures, classes×D.
    """

    def loss(picture: Tensor, label: Tensor) -> Tensor:
        distance: Tensor = torch.linalg.vector_norm(classify(picture[None]).features[0] - centroids[label])
        return distance

    return [partial(loss, picture, label) for picture, label in zip(pictures, labels, strict=True)]


@torch.no_grad()
def centroids_of(classify: Classify, pictures: Tensor, labels: Tensor, classes: int, batch: int = 128) -> Tensor:
    """Mean activations of each class's pictures, classes×D; rows of classes without a picture are not numbers."""
    features = torch.cat([classify(part).features for part in torch.split(pictures, batch)])
    sums = torch.zeros(classes, features.shape[1]).index_add_(0, labels, features)
    return sums / torch.bincount(labels, minlength=classes)[:, None]
