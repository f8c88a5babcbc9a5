"""Files of weights from anywhere: safetensors, and what ``torch.save`` wrote around a state dict."""

from __future__ import annotations

import logging
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from keyhole.targets.stored_weights import load_weights
from keyhole.targets.target import TargetError

_log = logging.getLogger(__name__)
_START = 64
"""Bytes that tell the format."""
_SHOWN = 4
_SAVE = 'torch.save(model.state_dict(), "weights.pth")'
_FOREIGN: Mapping[bytes, str] = {
    b"version https://git-lfs": "it is the pointer of Git LFS to a file that is not here: `git lfs pull` fetches it",
    b"<": "it is a web page, as a download that needs a login leaves: download the file again",
    b"\x89HDF": f"it is HDF5, as Keras writes it: expected safetensors, or PyTorch's {_SAVE}",
    b"\x08": f"it looks like ONNX, which holds a graph: expected safetensors, or PyTorch's {_SAVE}",
}
"""Why a file cannot be read, by its first bytes."""


class Inert:
    """Placeholder for an object in a checkpoint that is no tensor. It drops its arguments; no code of the file runs."""

    def __new__(cls, *_: object) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


_HARMLESS = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{name}" for name in ("dtype", "ndarray")),
    *(f"pathlib.{name}" for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath")),
    "argparse.Namespace",
    "types.SimpleNamespace",
    "datetime.datetime",
    "datetime.timedelta",
    "torch.torch_version.TorchVersion",
)
"""Classes of objects that trainings keep beside weights; `Inert` replaces each."""


@dataclass(frozen=True)
class WeightFile:
    """What is in a file of weights.

    Attributes:
        path: of the file.
        tensors: by dotted name, that of the dictionaries around them included: ``model_ema.module.conv1.weight``.
        places: the dictionary that each tensor lies in, by the same names: ``model_ema``; empty for the outermost.
        contents: the keys of the outermost dictionary, for messages.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    places: Mapping[str, str]
    contents: str


def read_weight_file(path: Path) -> WeightFile:
    """Read a file of weights, whatever its suffix. No code in it is run.

    Raises:
        TargetError: no such file, another format, objects that only code from outside could build, or no tensors.
    """
    if not path.is_file():
        held = sorted(file.name for file in path.iterdir() if file.is_file()) if path.is_dir() else []
        raise TargetError(f"no file of weights at {path}" + (f", a folder with {some(held)}" if held else ""))
    with path.open("rb") as file:
        start = file.read(_START)
    if problem := _problem(path, start):
        raise TargetError(f"cannot read the weights in {path}: {problem}")
    content: Any = _read(path, start)
    if not isinstance(content, Mapping):
        raise TargetError(f"{path} holds a {type(content).__name__}, no state dict: save {_SAVE}")
    found, contents = list(_tensors(content)), _contents(content)
    if not found:
        raise TargetError(f"{path} holds no state dict, only {contents or 'nothing'}: save {_SAVE}")
    tensors, places = {name: tensor for name, _, tensor in found}, {name: place for name, place, _ in found}
    return WeightFile(path, tensors, places, contents)


def _problem(path: Path, start: bytes) -> str | None:
    """The problem with a file, as far as its first bytes or its members tell; None: none."""
    if not start:
        return "the file is empty: copy or download it again"
    if _is_safetensors(start):
        return None
    if start.startswith(b"PK"):
        return _problem_of_archive(path)
    return next((reason for sign, reason in _FOREIGN.items() if start.startswith(sign)), None)


def _problem_of_archive(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            members, spoilt = {Path(name).name for name in archive.namelist()}, archive.testzip()
    except Exception as error:  # whatever is wrong with these bytes, it is the file's
        return f"it is cut short after {path.stat().st_size} bytes, or damaged: copy or download it again ({error})"
    if spoilt:
        _log.warning("%s: %s is damaged, or was written without a checksum", path, spoilt)
    if "constants.pkl" in members:
        return f"it is TorchScript, a program: save `torch.jit.load({path.name!r}).state_dict()` by torch.save"
    return None if "data.pkl" in members else f"it is an archive of {some(sorted(members))}: expected one of {_SAVE}"


def _is_safetensors(start: bytes) -> bool:
    """Whether a file has a length of eight bytes and then JSON."""
    return start[8:9] == b"{"


def _read(path: Path, start: bytes) -> object:
    try:
        if _is_safetensors(start):
            return load_weights(path)
        with torch.serialization.safe_globals([(Inert, name) for name in _HARMLESS]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise TargetError(
            f"cannot read the weights in {path}: {_refused(path)}. Nothing of it was run. Where it was made, save the "
            f"weights alone: {_SAVE}"
        ) from error
    except Exception as error:
        raise TargetError(
            f"cannot read the weights in {path}: it is damaged, or neither safetensors nor written by torch.save "
            f"({str(error).partition(chr(10))[0] or type(error).__name__})"
        ) from error


def _refused(path: Path) -> str:
    """The objects in a pickle that no file of weights needs."""
    try:
        with torch.serialization.safe_globals([(Inert, name) for name in _HARMLESS]):
            names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except Exception:  # of an older format, or damaged
        names = []
    if not names:
        return "it is no file of torch.save, is damaged, or holds objects besides tensors"
    return f"besides tensors it holds {some(sorted(names))}, which only code from outside could build"


def _tensors(content: Mapping[object, object]) -> Iterator[tuple[str, str, Tensor]]:
    """Every tensor in nested dictionaries with its dotted name and the dictionary that it lies in."""
    waiting, seen = [("", content)], {id(content)}
    while waiting:
        place, dictionary = waiting.pop(0)
        for key, value in dictionary.items():
            name = f"{place}.{key}" if place else str(key)
            if isinstance(value, Tensor):
                yield name, place, value
            elif isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                waiting.append((name, value))


def _contents(content: Mapping[object, object]) -> str:
    return some([f"{key} ({len(value)})" if isinstance(value, Mapping) else str(key) for key, value in content.items()])


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
