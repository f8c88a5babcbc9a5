"""A classifier as attacks see it: logits and the activations before its last layer, from pictures in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from keyhole.attacks.classes.base import Answer
from keyhole.service.errors import UsageError


class OpenClassifier:
    """A model and its preprocessing, which answers with logits and penultimate activations.

    The last layer is the last linear one that runs and makes as many numbers as there are classes; its input is p of
    the papers. A classifier that ends in a 1×1 convolution has none.

    Args:
        model: N×3×H×W, normalised, to N×K logits; put in evaluation mode, its weights without gradient.
        normalise: RGB pictures in [0, 1] to the model's input.
        classes: K.

    Raises:
        UsageError: the model has no linear layer that makes K numbers.
    """

    def __init__(self, model: nn.Module, normalise: Callable[[Tensor], Tensor], classes: int) -> None:
        self._model, self._normalise = model.eval().requires_grad_(False), normalise
        self._last = [
            layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer.out_features == classes
        ]
        if not self._last:
            raise UsageError(
                f"{type(model).__name__} has no linear layer of {classes} classes: expected a classifier that ends in "
                "one, as `keyhole train target --task classification` makes it"
            )

    def __call__(self, pictures: Tensor) -> Answer:
        """The answer to RGB pictures in [0, 1], N×3×H×W; differentiable."""
        seen: list[Tensor] = []

        def look(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen.append(inputs[0])

        hooks = [layer.register_forward_pre_hook(look) for layer in self._last]
        try:
            logits: Tensor = self._model(self._normalise(pictures))
        finally:
            for hook in hooks:
                hook.remove()
        return Answer(logits, seen[-1].flatten(1))

    @torch.no_grad()
    def label(self, pictures: Tensor) -> Tensor:
        """The class that it takes each picture for, N integers: all that a label-only attacker gets."""
        return self(pictures).logits.argmax(dim=1)
