"""Files of tensors that take longer to make than to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from keyhole.nn.tensor_file import write_tensors


def cached_tensors(path: Path, facts: Mapping[str, str], make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that ``make`` gives, or those in a file that was made of the same things.

    Args:
        path: a safetensors file; its folder is made where it is missing.
        facts: on their origin; a file with other facts is replaced.
        make: gives tensors by name.
    """
    if path.is_file():
        with safe_open(str(path), "pt") as file:
            if file.metadata() == facts:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors = dict(make())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(tensors, path, facts)
    return tensors
