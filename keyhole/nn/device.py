"""Where attacks compute."""

from __future__ import annotations

import torch

from keyhole.service.errors import UsageError

CPU = torch.device("cpu")


def device_named(name: str) -> torch.device:
    """The device of that name.

    Args:
        name: ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.

    Raises:
        UsageError: a GPU is asked for, and torch finds none.
    """
    if name == "auto":
        return torch.device("cuda") if torch.cuda.is_available() else CPU
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device cuda: torch {torch.__version__} finds no GPU here; give --device cpu or auto")
    return torch.device(name)
