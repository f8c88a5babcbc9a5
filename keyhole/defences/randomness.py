"""Where a defence's random numbers come from."""

from __future__ import annotations

import hashlib

import torch


def randomness(seed: int, role: str) -> torch.Generator:
    """A generator of the role's own: with the same seed, edge and oracle draw different numbers.

    Otherwise the oracle's answers would tell the noise of the edge's frames.
    """
    digest = hashlib.sha256(f"{seed} {role}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
