"""Models of a user's own, by the name of a factory."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

from torch import nn

from keyhole.extensions import ExtensionError, load_extension
from keyhole.sizes import Size
from keyhole.targets.target import Preprocess, Target, TargetError, count_outputs, take_pictures

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


def _factory(name: str) -> Callable[[], object]:
    try:
        factory = load_extension(name)
    except ExtensionError as error:
        raise TargetError(
            f"cannot load {error} (torchvision:, timm:, conv-stem:, narrow:, open_clip: and transformers: are followed "
            "by a model)"
        ) from error
    if not callable(factory):
        raise TargetError(f"{name} must be a function without arguments, got {type(factory).__name__}")
    try:
        inspect.signature(factory).bind()
    except ValueError:  # a factory written in C has no signature
        pass
    except TypeError as error:
        raise TargetError(f"{name} must make a model when it is called without arguments: {error}") from error
    return factory  # type: ignore[no-any-return]
