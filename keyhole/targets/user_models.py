"""Models of a user's own: factories by name, and the conversion of pictures to what a model takes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from keyhole.extensions import ExtensionError, load_extension
from keyhole.nn.nested_tensors import named_tensors
from keyhole.sizes import Size, height_width
from keyhole.targets.target import Preprocess, Target, TargetError

_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
_SIZE = 224
_COMPILED = "_orig_mod"  # what torch.compile wrapped: it is traced and run as it was written


def make_user_model(name: str, size: Size | None) -> Target:
    """Call the factory ``package.module:factory``; the current folder is searched for the package too.

    Args:
        name: of a function without arguments that returns an ``nn.Module`` (pictures, N×3×H×W or N×1×H×W in ImageNet's
            normalisation and any floating-point type, to tensors in any structure) or a `Target`.
        size: of the picture in pixels, a side or height and width; None: the target's own, or 224 for a module.

    Raises:
        TargetError: no such function, it needs arguments, or it returns something else. What it raises itself is left
            as it is, so that it shows where.
    """
    made = _factory(name)()
    made = getattr(made, _COMPILED, made) if isinstance(made, nn.Module) else made
    if isinstance(made, Target):
        preprocess = made.preprocess if size is None else dataclasses.replace(made.preprocess, size=size)
        take_pictures(made.model, preprocess.size)
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


def count_outputs(model: nn.Module, size: Size) -> int:
    """Length of the model's answer to one picture, 1×outputs; 0 where it answers with something else.

    Raises:
        TargetError: the model fails on a picture, as `take_pictures`, or answers with no tensor.
    """
    answer = take_pictures(model, size)
    if not named_tensors(answer):
        raise TargetError(f"{type(model).__name__} must answer with tensors, got {type(answer).__name__}")
    return answer.shape[1] if isinstance(answer, Tensor) and answer.dim() == 2 else 0


def _factory(name: str) -> Callable[[], object]:
    try:
        factory = load_extension(name)
    except ExtensionError as error:
        raise TargetError(
            f"cannot load {error} (torchvision:, timm: and conv-stem: are followed by a model)"
        ) from error
    if not callable(factory):
        raise TargetError(f"{name} must be a function without arguments, got {type(factory).__name__}")
    try:
        inspect.signature(factory).bind()
    except ValueError:  # of one written in C nobody can tell
        pass
    except TypeError as error:
        raise TargetError(f"{name} must make a model when it is called without arguments: {error}") from error
    return factory  # type: ignore[no-any-return]


class _TakesPictures(nn.Module):
    """First base of a model's class; converts pictures to the channels and the type that the model takes."""

    own_dtype: ClassVar[torch.dtype]
    own_channels: ClassVar[int]

    def forward(self, pictures: Tensor) -> Any:
        weights = torch.tensor(_LUMINANCE, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        own = (pictures * weights).sum(1, keepdim=True) if self.own_channels == 1 else pictures
        return super().forward(own.to(self.own_dtype))


def take_pictures(model: nn.Module, size: Size) -> Any:
    """Let a model take RGB pictures of float32, and return its answer to one.

    A model that takes half or double numbers has its pictures converted, one that takes grey pictures gets their
    luminance; both happen inside the model, whose modules keep their paths.

    Args:
        model: is put in eval mode, and changed where it takes something else.
        size: of the picture, in pixels.

    Raises:
        TargetError: the model fails on such a picture, in all of these ways.
    """
    model.eval()
    first = next((each for each in model.parameters() if each.is_floating_point()), torch.zeros(()))
    failures: dict[tuple[int, torch.dtype], Exception] = {}
    for channels in (3, 1):
        for dtype in dict.fromkeys((torch.float32, first.dtype)):
            try:
                with torch.no_grad():
                    answer = model(torch.zeros(1, channels, *height_width(size), dtype=dtype, device=first.device))
            except Exception as error:
                failures[channels, dtype] = error
                continue
            if (channels, dtype) != (3, torch.float32):
                own = {"own_dtype": dtype, "own_channels": channels, "__module__": type(model).__module__}
                model.__class__ = type(type(model).__name__, (_TakesPictures, type(model)), own)
            return answer
    natural = failures[3, first.dtype]
    raise TargetError(
        f"{type(model).__name__} cannot take a picture of {height_width(size)[0]}×{height_width(size)[1]}: {natural}"
    ) from natural
