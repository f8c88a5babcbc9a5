"""Networks of diffusers: configurations, files of weights, and loading."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import nn

from keyhole.service.errors import UsageError

_STEM = "diffusion_pytorch_model"
_NAME = re.compile(
    rf"{_STEM}(?:\.(?P<variant>[\w-]+?))?(?P<shard>-\d+-of-\d+)?(?:\.(?P<behind>[\w-]+))?\.(?P<form>safetensors|bin)"
    r"(?P<index>(?:\.(?P<before>\w+))?\.index(?:\.(?P<within>\w+))?\.json)?"
)
_PRECISE = ("", "fp32", "bf16", "fp16")
_FORMS = ("safetensors", "bin")
_POINTER = b"version https://git-lfs"
_OTHERS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".onnx", ".h5", ".gguf", ".xml")


@dataclass(frozen=True)
class WeightFiles:
    """Files that hold the weights of one network.

    Attributes:
        variant: between the name and its suffix, such as ``fp16``; empty: there is none.
        form: ``safetensors``, or ``bin`` for a state dict of torch.
        names: of the files, the index of shards among them.
    """

    variant: str
    form: str
    names: tuple[str, ...]

    @property
    def index(self) -> str | None:
        """The file that says which shard holds what; None: there is one file."""
        return next((name for name in self.names if name.endswith(".json")), None)


def choose_weights(names: Iterable[str]) -> WeightFiles | None:
    """The most precise weights among files of these names, safetensors before pickles; None: there are none.

    >>> choose_weights(["diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.bin", "config.json"])
    WeightFiles(variant='fp16', form='safetensors', names=('diffusion_pytorch_model.fp16.safetensors',))
    """
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            variant = next(filter(None, match.group("variant", "behind", "before", "within")), "")
            sharded = bool(match["shard"] or match["index"])
            groups.setdefault((variant, match["form"], sharded), []).append(name)
    found = {WeightFiles(variant, form, tuple(group)): sharded for (variant, form, sharded), group in groups.items()}
    return min((one for one, sharded in found.items() if one.index or not sharded), key=_rank, default=None)


def find_weights(folder: Path) -> WeightFiles:
    """The weights in a folder, all of whose files are there.

    Raises:
        UsageError: there are none, a shard is missing, or a file is empty or a pointer of Git LFS.
    """
    present = sorted(path.name for path in folder.iterdir() if path.is_file())
    found = choose_weights(present)
    if found is None:
        others = [name for name in present if name.endswith(_OTHERS)]
        raise UsageError(
            f"prior: {folder} holds no weights: expected {_STEM}.safetensors or .bin, a variant such as "
            f"{_STEM}.fp16.safetensors, or shards with their index"
            + (f"; it has {', '.join(others)}" if others else "")
        )
    files = {*found.names, *(_shards(folder / found.index) if found.index else ())}
    for file in (folder / name for name in sorted(files)):
        if not file.is_file():
            raise UsageError(f"prior: {file} is missing, which {found.index} names")
        with file.open("rb") as content:
            start = content.read(len(_POINTER))
        if start == _POINTER:
            raise UsageError(f"prior: {file} is a pointer of Git LFS, not the weights: fetch them (git lfs pull)")
        if not start:
            raise UsageError(f"prior: {file} is empty")
    return found


def _shards(index: Path) -> set[str]:
    try:
        names = set(json.loads(index.read_text())["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"prior: {index} is no index of shards: {error}") from error
    if inside := [name for name in names if Path(name).name != name]:
        raise UsageError(f"prior: {index} names {inside[0]}: expected files beside it")
    return names


def _rank(found: WeightFiles) -> tuple[int, str, int, bool]:
    """The order of preference. Shards come before one file of the same: diffusers reads nothing else where there is an
    index."""
    known = _PRECISE.index(found.variant) if found.variant in _PRECISE else len(_PRECISE)
    return known, found.variant, _FORMS.index(found.form), found.index is None


def read_config(file: Path) -> dict[str, Any]:
    """A configuration of diffusers.

    Raises:
        UsageError: not there, not JSON, or no object.
    """
    try:
        content: Any = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"prior: cannot read {file}: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"prior: {file} is no configuration: expected an object of JSON")
    return content


@cache
def diffusers() -> ModuleType:
    """The library, imported on first use.

    Its warning of latent statistics in configurations of networks that take none is off: priors have them there.
    """
    import diffusers as library  # noqa: PLC0415

    logging.getLogger("diffusers.configuration_utils").setLevel(logging.ERROR)
    return library


def load_network(folder: Path, kind: str) -> nn.Module:
    """A network of diffusers, in single precision, frozen.

    Args:
        folder: with ``config.json`` and the weights.
        kind: its class.

    Raises:
        UsageError: no weights (see `find_weights`), those of another network, quantised
            ones, or numbers that are not finite.
    """
    if "quantization_config" in read_config(folder / "config.json"):
        raise UsageError(f"prior: the weights in {folder} are quantised: expected floating point")
    weights = find_weights(folder)
    try:
        network, report = getattr(diffusers(), kind).from_pretrained(
            str(folder),
            torch_dtype=torch.float32,
            local_files_only=True,
            variant=weights.variant or None,
            use_safetensors=weights.form == "safetensors",
            output_loading_info=True,
            low_cpu_mem_usage=False,  # would leave modules that other threads build meanwhile without memory
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"prior: {folder} holds no weights of {kind} that can be read: {error}") from error
    if missing := list(report["missing_keys"]):
        raise UsageError(
            f"prior: the weights in {folder} lack {len(missing)} tensors of {kind}, among them {missing[0]}"
        )
    network = cast(nn.Module, network).float().eval().requires_grad_(False)
    if lost := [name for name, tensor in network.state_dict().items() if not tensor.isfinite().all()]:
        raise UsageError(f"prior: {lost[0]} in {folder} holds numbers that are not finite")
    return network
