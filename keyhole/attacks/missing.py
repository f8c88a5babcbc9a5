"""Knowledge that an attack asks for and was not given."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from keyhole.priors.prior import Prior, load_prior


def no_prior() -> Prior:
    """The prior of an attack for which none was named.

    Raises:
        UsageError: always; says what to give.
    """
    return load_prior(None)


def no_public() -> Iterator[Tensor]:
    """The public pictures of an attack that was given none.

    Raises:
        ValueError: always.
    """
    raise ValueError("this attack learns from public pictures, and was given none")


def no_captions() -> Iterator[tuple[Tensor, str]]:
    """The public pictures with captions of an attack that was given none.

    Raises:
        ValueError: always.
    """
    raise ValueError("this attack learns from public pictures with captions, and was given none")


def no_clips(frames: int) -> Iterator[Tensor]:
    """The public clips of an attack that was given none.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"this attack learns from public clips of {frames} frames, and was given none")
