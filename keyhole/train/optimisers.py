"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from keyhole.train.recipe import OptimiserName, Recipe

Groups = list[dict[str, Any]]


def optimiser(model: nn.Module, recipe: Recipe) -> Optimizer:
    """The recipe's optimiser of the model's trainable parameters; those of one dimension do not decay."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: Groups = [
        {"params": [parameter for parameter in trainable if parameter.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [parameter for parameter in trainable if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    return OPTIMISERS[recipe.optimiser](groups, recipe.learning_rate)


def _sgd(groups: Groups, learning_rate: float) -> Optimizer:
    return SGD(groups, lr=learning_rate, momentum=0.9, nesterov=True)


def _adamw(groups: Groups, learning_rate: float) -> Optimizer:
    return AdamW(groups, lr=learning_rate)


OPTIMISERS: Mapping[OptimiserName, Callable[[Groups, float], Optimizer]] = {"sgd": _sgd, "adamw": _adamw}
