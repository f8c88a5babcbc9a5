"""BNNecks: an embedding in the place of an architecture's classifier."""

from __future__ import annotations

from torch import nn

from keyhole.sizes import Size
from keyhole.targets.family import NamedModel
from keyhole.targets.target import TargetError

_CLASSES = 7
"""Classes that an architecture is built with, by which its classifier is told from other layers."""


def with_neck(entry: NamedModel, size: Size | None) -> nn.Module:
    """A new network, N×3×size×size to N×embedding: the architecture with `bn_neck` in its classifier's place.

    The other modules keep their names, so that cuts do (``layer2``, ``blocks.5``). Weights are random.

    Args:
        entry: an architecture.
        size: side of the picture in pixels, for the architectures that depend on it; None: the architecture's own.

    Raises:
        TargetError: the architecture does not end in a linear classifier.
    """
    model = entry.family.build(entry.name, size=size, outputs=_CLASSES, pretrained=False)
    linear = [(path, layer) for path, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not linear or linear[-1][1].out_features != _CLASSES:
        raise TargetError(f"{entry.name} does not end in a linear classifier that a BNNeck could replace")
    path, classifier = linear[-1]
    model.set_submodule(path, bn_neck(classifier.in_features))
    return model


def with_classes(network: nn.Module, classes: int) -> str:
    """Put a new linear layer in the place of a network's BNNeck, or of its last linear layer.

    Args:
        network: it is changed.
        classes: outputs of the layer, whose weights are random.

    Returns:
        The layer's path.

    Raises:
        TargetError: the network has neither.
    """
    path = find_neck(network) or last_linear(network)
    last = network.get_submodule(path)
    width = last.in_features if isinstance(last, nn.Linear) else last.num_features
    bias = not isinstance(last, nn.Linear) or last.bias is not None
    network.set_submodule(path, nn.Linear(int(width), classes, bias=bias))  # type: ignore[arg-type]
    return path


def last_linear(network: nn.Module) -> str:
    """The dotted path of a network's last linear layer.

    Raises:
        TargetError: it has none.
    """
    found: list[str] = [path for path, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not found:
        raise TargetError(f"{type(network).__name__} has no linear layer that gives its answers")
    return found[-1]


def bn_neck(width: int) -> nn.BatchNorm1d:
    """The BNNeck of Luo et al. 2019 ("Bag of tricks", §3.5): batch norm whose bias is 0 and is not trained.

    Without a bias the embeddings lie around the origin, which suits retrieval by cosine.

    Args:
        width: length of the features and of the embedding.
    """
    neck = nn.BatchNorm1d(width)
    neck.bias.requires_grad_(False)
    return neck


def neck_path(model: nn.Module) -> str:
    """The dotted path of a network's BNNeck.

    Raises:
        TargetError: it has none.
    """
    path = find_neck(model)
    if path is None:
        raise TargetError(f"{type(model).__name__} has no BNNeck")
    return path


def find_neck(model: nn.Module) -> str | None:
    """The dotted path of a network's BNNeck; None where it has none."""
    paths: list[str] = [path for path, layer in model.named_modules() if isinstance(layer, nn.BatchNorm1d)]
    return paths[-1] if paths else None


def answers_with_embedding(network: nn.Module) -> bool:
    """Whether a network ends in a BNNeck, as those that are trained for re-identification do."""
    layers = [layer for layer in network.modules() if next(layer.parameters(recurse=False), None) is not None]
    return bool(layers) and isinstance(layers[-1], nn.BatchNorm1d)
