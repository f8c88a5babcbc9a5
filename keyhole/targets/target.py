"""A model together with all that is needed to use it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from keyhole.targets.preprocess import Preprocess


@dataclass(frozen=True, eq=False)
class Target:
    """A model that can be split.

    Attributes:
        name: the name that it was loaded by.
        model: N×3×size×size, normalised, to tensors in any structure; in eval mode, its parameters without gradient.
        preprocess: from a picture to the model's input.
        labels: name of each class; empty where there are none (an embedding), they are unknown, or weights are random.
        outputs: length of an answer N×outputs: number of classes or embedding size; 0 where a model answers otherwise.
        licence: of the shipped or the hub's weights, else of the architecture.
        weights: where the weights come from.
        missing: names of the model's tensors that the weights lack and that are random.
        defence: the defence that it was trained as, such as ``patrol``; empty for none.
    """

    name: str
    model: nn.Module
    preprocess: Preprocess
    labels: tuple[str, ...]
    outputs: int
    licence: str
    weights: str
    missing: tuple[str, ...] = ()
    defence: str = ""

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the state dict (names, types, shapes, numbers).

        It is taken when first asked for; a model that is trained further needs a new `Target`.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()[:16]
