"""Proof on an example that head and tail make the whole model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from keyhole.nn.nesting import named_tensors
from keyhole.partition.errors import CutError
from keyhole.partition.model_survey import Survey
from keyhole.partition.plan import Partition, as_features, as_tuple


def prove(surveyed: Survey, parts: Partition, whole: Any, *, together: bool = True) -> list[int]:
    """Check that the parts answer as the model does, to the bit, with features that came as bytes.

    Args:
        surveyed: the whole.
        parts: head and tail of it.
        whole: the whole's answer to the survey's example.
        together: whether the features of a batch are known to be those of its pictures, one after the other; if not,
            that is checked too.

    Returns:
        The places of the features that the tail changed in place.

    Raises:
        CutError: they do not; the message says what the model does.
    """
    example = surveyed.example
    with torch.inference_mode(False), torch.no_grad():
        try:
            overwritten = _compare(parts, example, whole)
        except CutError:
            raise
        except Exception as error:
            raise CutError(f"head and tail at {parts.plan.cut} cannot be run: {error}") from error
        if overwritten is None:
            raise CutError(f"head and tail at {parts.plan.cut} do not make the whole model: {_why(surveyed, whole)}")
        if not together and not _side_by_side(parts, example):
            raise CutError(f"the features at {parts.plan.cut} mix the pictures of a batch: cut before or after it")
    return overwritten


def _compare(parts: Partition, example: Tensor, whole: Any) -> list[int] | None:
    """The places of the features that the tail changed in place; None where its answer is another."""
    overwritten: set[int] = set()
    features = as_tuple(parts.head(example.clone()))
    _check_shapes(parts, features)
    forms = [tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in features)]
    if not all(tensor.is_contiguous() for tensor in features):
        forms.append(features)
    for form in forms:
        versions = [tensor._version for tensor in form]
        if not same_bits(parts.tail(as_features(form)), whole):
            return None
        overwritten |= {place for place, tensor in enumerate(form) if tensor._version != versions[place]}
    return sorted(overwritten)


def _why(surveyed: Survey, whole: Any) -> str:
    """What a model does that a cut of it does not."""
    if not same_bits(surveyed.model(surveyed.example.clone()), whole):
        return "it is random in eval mode, or remembers what it was given before"
    if not same_bits(surveyed.module(surveyed.graph)(surveyed.example.clone()), whole):
        return "what it computes depends on the batch size, or on something besides its operations"
    return "it writes in place to a tensor that is seen under two names after the cut; cut elsewhere"


def same_bits(left: Any, right: Any) -> bool:
    """Whether two answers (tensors or structures of tensors) are equal to the bit."""
    ours, theirs = named_tensors(left), named_tensors(right)
    return ours.keys() == theirs.keys() and all(map(_same, ours.values(), theirs.values()))


def _same(left: Tensor, right: Tensor) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return torch.equal(*(tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (left, right)))


def _check_shapes(parts: Partition, features: tuple[Tensor, ...]) -> None:
    shapes = tuple(tuple(tensor.shape) for tensor in features)
    expected = tuple(tensor.shape for tensor in parts.plan.tensors)
    if shapes != expected:
        raise CutError(f"the head at {parts.plan.cut} yields {shapes} for one picture, expected {expected}")


def _side_by_side(parts: Partition, example: Tensor) -> bool:
    pictures = (example, example.flip(-1))
    both = as_tuple(parts.head(torch.cat(pictures)))
    each = [as_tuple(parts.head(picture)) for picture in pictures]
    return all(
        torch.allclose(tensor, torch.cat(alone), rtol=1e-3, atol=1e-4)
        for tensor, *alone in zip(both, *each, strict=True)
    )
