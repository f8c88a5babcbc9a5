"""State dicts: the tensors of a file, matched to a model's names and loaded into it."""

from __future__ import annotations

import difflib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from keyhole.targets.target import TargetError
from keyhole.targets.weight_files import WeightFile, read_weight_file, some

_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Parts of a dotted name that torch adds for several devices, compilation, shards or recomputation."""
_AVERAGED = {"ema", "teacher", "averaged", "swa"}
"""Parts of the names of weights that are averaged over a training; people use these rather than the last ones."""
_UNUSED = "num_batches_tracked"
"""A tensor that inference does not use."""
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Auxiliary classifiers of GoogLeNet and Inception: files hold them, models need not."""
_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """Weights of a file under a model's names.

    Attributes:
        tensors: by name.
        source: where they lie, for messages.
    """

    tensors: Mapping[str, Tensor]
    source: str


@dataclass(frozen=True)
class _Reading:
    """One reading of a file: the tensors under a prefix, with the model's names."""

    prefix: str
    tensors: dict[str, Tensor]
    known: int
    fitting: int

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.fitting, self.known, self.known - len(self.tensors)

    @property
    def averaged(self) -> bool:
        return not _AVERAGED.isdisjoint(self.prefix.replace("_", ".").split("."))


def read_state(path: Path, own: Mapping[str, Tensor]) -> State:
    """The weights in a file of safetensors (plain, or int8 as shipped) or of ``torch.save``, whatever its suffix.

    They may lie in dictionaries of any name (``state_dict``, ``model_ema``) and under any prefix (``module.``,
    ``backbone.``), or be those of a part of the model: what is taken is what has most names in common with it. Where
    several are equally good, averaged weights (EMA, a teacher) are taken before others, with a warning.

    Args:
        path: the file.
        own: the model's state dict.

    Raises:
        TargetError: the file cannot be read (see `read_weight_file`), or no name in it is one of the model's.
    """
    file = read_weight_file(path)
    readings = sorted(_readings(file, own), key=lambda reading: (reading.rank, reading.averaged), reverse=True)
    if not readings:
        first = next(iter(own), "")
        near = _nearest(first, file.tensors)
        raise TargetError(
            f"the weights in {path} do not fit: no tensor is one of the model's. At the top is {file.contents}"
            + (f"; nearest to {first}: {near}" if near else "")
        )
    best, *others = readings
    for other in others:
        if other.rank == best.rank and other.prefix != best.prefix and not _same(best.tensors, other.tensors):
            _log.warning(
                "%s has several weights for this model: %r is taken, not %r; save those alone to use them",
                path,
                best.prefix,
                other.prefix,
            )
            break
    return State(best.tensors, f"{path} ({best.prefix}…)" if best.prefix else str(path))


def load_state(
    model: nn.Module, state: Mapping[str, Tensor], source: str, *, strict: bool, advice: str = ""
) -> list[str]:
    """Put ``state`` into ``model``.

    Args:
        model: gets the weights.
        state: tensors by the model's names. ``num_batches_tracked``, which inference does not use, may be absent.
        source: where it comes from, for messages.
        strict: refuse missing and unexpected tensors, but for auxiliary classifiers; else they are left alone.
        advice: what to do where all that is wrong is that the end of the model is missing.

    Returns:
        The names of the model's tensors that ``state`` lacks.

    Raises:
        TargetError: the tensors do not fit.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state and not name.endswith(_UNUSED)]
    strange = [name for name in state if name not in own]
    unexpected = [name for name in strange if not name.endswith(_UNUSED) and not name.startswith(_AUXILIARY)]
    wrong = [
        f"{name} is {_difference(tensor, own[name])}"
        for name, tensor in state.items()
        if name in own and not name.endswith(_UNUSED) and not _fits(tensor, own[name])
    ]
    problems = [f"wrong shapes or types: {_some(wrong)}"] if wrong else []
    broken = [name for name, tensor in state.items() if name in own and tensor.is_floating_point() and _has_nan(tensor)]
    problems += [f"not a number (NaN): {_some(broken)}"] if broken else []
    if strict or not any(name in own for name in state):
        problems += [f"missing: {_some(missing)}"] if missing else []
        problems += [f"unexpected: {_some(unexpected)}"] if unexpected else []
    if problems:
        ends_early = missing and not wrong and next(iter(own)) not in missing
        hints = [advice] if ends_early and advice else []
        hints += [f"nearest to {missing[0]}: {near}"] if missing and (near := _nearest(missing[0], unexpected)) else []
        raise TargetError(f"the weights in {source} do not fit {type(model).__name__}: {'; '.join(problems + hints)}")
    model.load_state_dict(dict(state), strict=False)
    return missing


def _readings(file: WeightFile, own: Mapping[str, Tensor]) -> Iterator[_Reading]:
    """The readings of a file in which most names are the model's."""
    for shorten in (str, _bare):
        ours, theirs = ({shorten(name): name for name in names} for names in (own, file.tensors))
        if len(ours) < len(own) or len(theirs) < len(file.tensors):
            continue
        votes: Counter[tuple[str, str]] = Counter()
        for name in theirs:
            votes.update((name.removesuffix(end), "") for end in _ends(name) if end in ours)
        for name in ours:
            votes.update(("", name.removesuffix(end)) for end in _ends(name) if end in theirs and end != name)
        most = max(votes.values(), default=0)
        for strip, add in (prefixes for prefixes, count in votes.items() if count == most):
            under = {add + name.removeprefix(strip): whole for name, whole in theirs.items() if name.startswith(strip)}
            reading = _reading(strip, {ours.get(name, name): whole for name, whole in under.items()}, file, own)
            if reading.fitting or (not add and 2 * reading.known >= len(reading.tensors)):
                yield reading


def _reading(prefix: str, names: Mapping[str, str], file: WeightFile, own: Mapping[str, Tensor]) -> _Reading:
    """The tensors of ``names``, the file's names by the model's, from dictionaries that hold a tensor of the model."""
    places = {file.places[whole] for name, whole in names.items() if name in own}
    tensors = {name: file.tensors[whole] for name, whole in names.items() if file.places[whole] in places}
    known = [name for name in tensors if name in own]
    return _Reading(prefix, tensors, len(known), sum(_fits(tensors[name], own[name]) for name in known))


def _bare(name: str) -> str:
    """The name without torch's wrappers; old names of DenseNet's layers, with a dot, become today's."""
    name = _DENSE.sub(r"\1\2", name)
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _ends(name: str) -> Iterator[str]:
    """A dotted name that inference uses, and what is left of it without its first part, its first two, ...

    >>> list(_ends("layer1.conv.weight"))
    ['layer1.conv.weight', 'conv.weight', 'weight']
    """
    if name.endswith(_UNUSED):
        return
    yield name
    while "." in name:
        name = name.partition(".")[2]
        yield name


def _fits(tensor: Tensor, own: Tensor) -> bool:
    return tensor.shape == own.shape and tensor.is_floating_point() == own.is_floating_point()


def _has_nan(tensor: Tensor) -> bool:
    return bool(tensor.float().isnan().any())


def _same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(tensor, right[name]) for name, tensor in left.items())


def _nearest(wanted: str, found: Iterable[str]) -> str:
    return ", ".join(difflib.get_close_matches(wanted, list(found), n=2, cutoff=0.5))


def _difference(tensor: Tensor, own: Tensor) -> str:
    if tensor.shape == own.shape:
        return f"{tensor.dtype}, expected {own.dtype}"
    return f"{tuple(tensor.shape)}, expected {tuple(own.shape)}"


def _some(names: list[str]) -> str:
    return f"{len(names)} ({some(names)})"
