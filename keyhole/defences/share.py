"""Per-picture arithmetic that defences share."""

from __future__ import annotations

from torch import Tensor

from keyhole.service.errors import UsageError


def check_share(share: float, *, most: float = 1.0) -> None:
    """Refuse a share that is none.

    Raises:
        UsageError: it is not above 0 and at most ``most``.
    """
    if not 0 < share <= most:
        raise UsageError(f"share={share}: expected more than 0 and at most {most:g}")


def per_picture(numbers: Tensor, like: Tensor) -> Tensor:
    """One number for each picture, N, in the shape that multiplies ``like``, N×…."""
    return numbers.reshape(-1, *[1] * (like.dim() - 1))
