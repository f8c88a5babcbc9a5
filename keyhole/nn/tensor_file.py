"""Files of tensors that others may read too: whole or not at all, with the mode of any other new file."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from keyhole.service.files import replacing


def write_tensors(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write tensors by name as safetensors, in the place of a file that is there.

    safetensors itself makes files that only their owner can read, so that a container of another user could not. Two
    processes that write the same file at the same time do not meet.

    Args:
        tensors: of any device and layout.
        path: in a folder that is there.
        facts: text by name, for the file's metadata.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as unfinished:
        unfinished.touch()
        mode = stat.S_IMODE(unfinished.stat().st_mode)
        stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(stored, unfinished, metadata=None if facts is None else dict(facts))
        unfinished.chmod(mode)
