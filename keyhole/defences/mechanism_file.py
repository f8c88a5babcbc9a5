"""Files of trained mechanisms: tensors and a few facts, as safetensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from keyhole.defences.base import Defence
from keyhole.nn.tensor_file import write_tensors
from keyhole.service.errors import UsageError
from keyhole.service.files import checksum

MECHANISM = "mechanism.safetensors"
"""Name of the file in a folder that ``keyhole train defence`` writes."""


@dataclass(frozen=True, eq=False)
class StoredMechanism:
    """What a file holds.

    Attributes:
        tensors: by name.
        facts: text by name.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, str]


def write_mechanism(stored: StoredMechanism, defence: str, path: Path) -> None:
    """Write a mechanism of the defence of that name."""
    write_tensors(stored.tensors, path, {**stored.facts, "defence": defence})


def read_mechanism(path: str, defence: str) -> StoredMechanism:
    """The mechanism in a file.

    Raises:
        UsageError: no such file, or it holds no mechanism of the defence of that name.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UsageError(f"file={path}: cannot be read ({error}); `keyhole train defence` writes it") from error
    if facts.get("defence") != defence:
        held = facts.get("defence", "none")
        raise UsageError(f"file={path}: expected a {defence} that `keyhole train defence` wrote, got {held}")
    return StoredMechanism(tensors, facts)


def mechanism_hash(defence: Defence) -> str:
    """Sixteen hex digits that change with the file that a defence's setting ``file`` names; none where it has none."""
    file = getattr(defence, "file", "")
    return checksum(Path(file))[:16] if file else ""


def check_shapes(path: str, expected: Sequence[tuple[int, ...]], features: Sequence[Tensor]) -> None:
    """Refuse features that a mechanism was not made for.

    Args:
        path: its file.
        expected: shapes of the live tensors for one picture.
        features: live tensors, N×… each.

    Raises:
        UsageError: their number or shapes are others.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in features]
    if shapes != list(expected):
        told, got = (", ".join("×".join(map(str, shape)) for shape in each) for each in (expected, shapes))
        raise UsageError(f"file={path} is for features of {told}, got {got}: another cut, size or target?")
