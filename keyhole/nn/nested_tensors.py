"""Answers of models: tensors nested in mappings, sequences and dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor


def named_tensors(nesting: Any) -> dict[str, Tensor]:
    """The tensors of an answer by dotted path, in the answer's order; the path of a bare tensor is empty.

    >>> import torch
    >>> list(named_tensors([{"boxes": torch.zeros(3, 4), "scores": torch.zeros(3)}]))
    ['0.boxes', '0.scores']
    """
    return dict(_walk("", nesting))


def one_of(nesting: Any, index: int, batch: int) -> Any:
    """The part of an answer to a batch that concerns one of its pictures.

    Args:
        nesting: tensors of N×…, in any structure, or a list with a mapping or dataclass for each picture.
        index: of the picture.
        batch: number of pictures, N.

    Raises:
        ValueError: a tensor does not hold one entry for each picture.

    >>> import torch
    >>> one_of({"logits": torch.zeros(4, 10)}, index=1, batch=4)["logits"].shape
    torch.Size([1, 10])
    """
    if _is_of_pictures(nesting) and len(nesting) == batch:
        return type(nesting)([nesting[index]])
    return _slice(nesting, index, batch)


def _slice(nesting: Any, index: int, batch: int) -> Any:
    if isinstance(nesting, Tensor):
        if batch > 1 and (not nesting.dim() or len(nesting) != batch):
            raise ValueError(
                f"an answer of {tuple(nesting.shape)} does not hold one entry for each of {batch} pictures"
            )
        return nesting[index : index + 1] if batch > 1 else nesting
    children = {name: _slice(child, index, batch) for name, child in _children(nesting)}
    return _rebuilt(nesting, children) if children else nesting


def _walk(path: str, nesting: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(nesting, Tensor):
        yield path, nesting
    for name, child in _children(nesting):
        yield from _walk(f"{path}.{name}" if path else str(name), child)


def _children(nesting: Any) -> list[tuple[Any, Any]]:
    if isinstance(nesting, Mapping):
        return list(nesting.items())
    if hasattr(nesting, "_fields"):
        return list(nesting._asdict().items())
    if isinstance(nesting, list | tuple):
        return list(enumerate(nesting))
    if _is_dataclass(nesting):
        return [(field.name, getattr(nesting, field.name)) for field in dataclasses.fields(nesting)]
    return []


def _rebuilt(nesting: Any, children: dict[Any, Any]) -> Any:
    if isinstance(nesting, Mapping):
        return type(nesting)(children)  # type: ignore[call-arg]
    if hasattr(nesting, "_fields"):
        return type(nesting)(**children)
    return dataclasses.replace(nesting, **children) if _is_dataclass(nesting) else type(nesting)(children.values())


def _is_of_pictures(nesting: Any) -> bool:
    return type(nesting) in (list, tuple) and all(isinstance(each, Mapping) or _is_dataclass(each) for each in nesting)


def _is_dataclass(nesting: Any) -> bool:
    return dataclasses.is_dataclass(nesting) and not isinstance(nesting, type)
