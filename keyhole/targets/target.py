"""A model that can be split: its preprocessing, the pictures that it takes, and the name of what protects it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transform

from keyhole.data.decoding import resize_to_cover
from keyhole.nn.nested_tensors import named_tensors
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, height_width, size_of

NO_DEFENCE = "none"
"""The name of having no defence."""
_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


class TargetError(UsageError):
    """A target or weights that do not exist or do not fit; the message says what was expected."""


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop and normalise as a target expects.

    Two steps, because an attack needs the second alone: ``fit`` makes the *picture* that every score compares,
    ``normalise`` turns a picture into the model's input and is differentiable.

    Attributes:
        size: of the picture, in pixels: its side, or height and width.
        mean: per-channel mean that is subtracted, in picture units (0 to 1).
        std: per-channel deviation that is divided by, in picture units.
    """

    size: Size
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", size_of(*height_width(self.size)))

    def fit(self, picture: Tensor) -> Tensor:
        """Resized to cover ``size``, centre crop: RGB in [0, 1], …×3×H×W to …×3×height×width."""
        cropped: Tensor = transform.center_crop(resize_to_cover(picture, self.size), list(height_width(self.size)))
        return cropped.clamp(0, 1)

    def normalise(self, pictures: Tensor) -> Tensor:
        """RGB pictures in [0, 1], N×3×H×W, to the model's input of the same shape."""
        mean = torch.tensor(self.mean, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        std = torch.tensor(self.std, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        return (pictures - mean) / std

    def restore(self, inputs: Tensor) -> Tensor:
        """The pictures in [0, 1] whose ``normalise`` is nearest to inputs N×3×H×W, of the same shape."""
        black, white = (self.normalise(torch.full_like(inputs, level)) for level in (0.0, 1.0))
        return ((inputs - black) / (white - black)).clamp(0, 1)

    def __call__(self, picture: Tensor) -> Tensor:
        """``normalise(fit(picture))``."""
        return self.normalise(self.fit(picture))


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
        embeds_texts: whether N×outputs are an embedding that pictures share with texts, as CLIP's are, and no classes.
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
    embeds_texts: bool = False

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


def defence_name(trained: str, applied: str) -> str:
    """The name, in headers and scores, of a target's own defence and of the one that is applied to its features.

    Args:
        trained: the defence that the target was trained as; empty for none.
        applied: the defence that its features go through.

    >>> defence_name("patrol", "none"), defence_name("patrol", "noise"), defence_name("", "none")
    ('patrol', 'patrol+noise', 'none')
    """
    return "+".join(name for name in (trained, applied) if name not in ("", NO_DEFENCE)) or NO_DEFENCE


def count_outputs(model: nn.Module, size: Size) -> int:
    """Length of the model's answer to one picture, 1×outputs; 0 where it answers with something else.

    Raises:
        TargetError: the model fails on a picture, as `take_pictures`, or answers with no tensor.
    """
    answer = take_pictures(model, size)
    if not named_tensors(answer):
        raise TargetError(f"{type(model).__name__} must answer with tensors, got {type(answer).__name__}")
    return answer.shape[1] if isinstance(answer, Tensor) and answer.dim() == 2 else 0


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
