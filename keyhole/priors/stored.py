"""Which of a folder's files hold a network's weights, of all the ways in which diffusers stores them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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
class Stored:
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


def chosen(names: Iterable[str]) -> Stored | None:
    """The most precise weights among files of these names, safetensors before pickles; None: there are none.

    >>> chosen(["diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.bin", "config.json"])
    Stored(variant='fp16', form='safetensors', names=('diffusion_pytorch_model.fp16.safetensors',))
    """
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            variant = next(filter(None, match.group("variant", "behind", "before", "within")), "")
            sharded = bool(match["shard"] or match["index"])
            groups.setdefault((variant, match["form"], sharded), []).append(name)
    found = {Stored(variant, form, tuple(group)): sharded for (variant, form, sharded), group in groups.items()}
    return min((one for one, sharded in found.items() if one.index or not sharded), key=_rank, default=None)


def stored(folder: Path) -> Stored:
    """The weights in a folder, all of whose files are there.

    Raises:
        UsageError: there are none, a shard is missing, or a file is empty or a pointer of Git LFS.
    """
    present = sorted(path.name for path in folder.iterdir() if path.is_file())
    found = chosen(present)
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


def _rank(found: Stored) -> tuple[int, str, int, bool]:
    """Of one file and shards of the same, the shards: where there is an index, diffusers reads nothing else."""
    known = _PRECISE.index(found.variant) if found.variant in _PRECISE else len(_PRECISE)
    return known, found.variant, _FORMS.index(found.form), found.index is None
