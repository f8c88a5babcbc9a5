"""Weights from a file into a model."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from keyhole.targets.errors import TargetError
from keyhole.targets.quantise import load_weights

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_SHOWN = 4


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file: safetensors (plain, or int8 as shipped), or what ``torch.save`` wrote (tensors only).

    Raises:
        TargetError: no such file, another format, or no tensors in it.
    """
    if not path.is_file():
        raise TargetError(f"no file of weights at {path}")
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise TargetError(f"weights must be a file that ends in {', '.join(_READERS)}, got {path.name}")
    try:
        return reader(path)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise TargetError(f"cannot read the weights in {path}: {error}") from error


def load_state(model: nn.Module, state: Mapping[str, Tensor], source: str, *, strict: bool) -> list[str]:
    """Put ``state`` into ``model``.

    Args:
        model: gets the weights.
        state: tensors by the model's names. ``num_batches_tracked``, which inference does not use, may be absent.
        source: where it comes from, for messages.
        strict: refuse missing and unexpected tensors; else they are left alone.

    Returns:
        The names of the model's tensors that ``state`` lacks.

    Raises:
        TargetError: the tensors do not fit.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    wrong = [
        f"{name} is {tuple(tensor.shape)}, expected {tuple(own[name].shape)}"
        for name, tensor in state.items()
        if name in own and tensor.shape != own[name].shape
    ]
    problems = [f"wrong shapes: {_some(wrong)}"] if wrong else []
    if strict or len(unexpected) == len(state):
        problems += [f"missing: {_some(missing)}"] if missing else []
        problems += [f"unexpected: {_some(unexpected)}"] if unexpected else []
    if problems:
        hint = "; weights of a part of the model load with strict=False (--head-only)" if missing and not wrong else ""
        raise TargetError(f"the weights in {source} do not fit {type(model).__name__}: {'; '.join(problems)}{hint}")
    model.load_state_dict(dict(state), strict=False)
    return missing


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{rest})"


def _read_torch(path: Path) -> dict[str, Tensor]:
    content: Any = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    state = {str(name): value for name, value in dict(content).items() if isinstance(value, Tensor)}
    if not state:
        raise TargetError(f"{path} holds no state dict")
    return {name.removeprefix("module."): value for name, value in state.items()}


_READERS: Mapping[str, Callable[[Path], dict[str, Tensor]]] = {
    ".safetensors": load_weights,
    ".pt": _read_torch,
    ".pth": _read_torch,
}
