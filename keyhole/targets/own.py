"""One's own model, by the name of a function that makes it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from keyhole.targets.errors import TargetError
from keyhole.targets.preprocess import Preprocess
from keyhole.targets.target import Target

_SIZE = 224


def make_own(name: str, size: int | None) -> Target:
    """Call the factory ``package.module:factory``; the current folder is searched for the package too.

    Args:
        name: of a function without arguments that returns an ``nn.Module`` (N×3×H×W, ImageNet's normalisation, to
            N×outputs) or a `Target`.
        size: side of the square picture in pixels; None: the target's own, or 224 for a module.

    Raises:
        TargetError: no such function, or it returns something else.
    """
    made = _factory(name)()
    if isinstance(made, Target):
        preprocess = made.preprocess if size is None else dataclasses.replace(made.preprocess, size=size)
        return dataclasses.replace(made, name=name, preprocess=preprocess)
    if not isinstance(made, nn.Module):
        raise TargetError(f"{name} must return an nn.Module or a keyhole.targets.Target, got {type(made).__name__}")
    preprocess = Preprocess(size or _SIZE)
    return Target(
        name=name,
        model=made,
        preprocess=preprocess,
        labels=(),
        outputs=count_outputs(made, preprocess.size),
        licence="unknown",
        weights=name,
    )


def count_outputs(model: nn.Module, size: int) -> int:
    """Length of the model's answer to one picture.

    Raises:
        TargetError: the model fails on it, or its answer is not a tensor of shape 1×outputs.
    """
    try:
        with torch.no_grad():
            answer = model.eval()(torch.zeros(1, 3, size, size))
    except Exception as error:
        raise TargetError(f"{type(model).__name__} cannot take a picture of {size}×{size}: {error}") from error
    if not isinstance(answer, Tensor) or answer.dim() != 2:
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise TargetError(f"{type(model).__name__} must answer N×3×{size}×{size} with N×outputs, got {shape}")
    return answer.shape[1]


def _factory(name: str) -> Callable[[], object]:
    path, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        factory = getattr(importlib.import_module(path), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise TargetError(
            f"cannot load {name!r} as package.module:factory: {error} (torchvision:, timm: and "
            "conv-stem: are followed by a model)"
        ) from error
    if not callable(factory):
        raise TargetError(f"{name} must be a function without arguments, got {type(factory).__name__}")
    return factory  # type: ignore[no-any-return]
