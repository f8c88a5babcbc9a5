"""Contact sheets, made small."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from keyhole.bench.advice.options import Option
from keyhole.bench.records import Leak

_LARGEST = (300, 1200)


@dataclass(frozen=True)
class Sheet:
    """Truths beside what an attack made of them.

    Attributes:
        leak: whose.
        jpeg: the picture, small.
        size: of it, width and height.
        worst: whether no attack on the design got more.
    """

    leak: Leak
    jpeg: bytes
    size: tuple[int, int]
    worst: bool

    @property
    def ssim(self) -> float | None:
        """Mean over the pictures of this attack and seed."""
        values = self.leak.scores.get("ssim")
        return sum(values) / len(values) if values else None


def sheets(options: Sequence[Option], run: Path) -> Iterator[Sheet]:
    """One for each attack on each design, of its first seed; those that are gone or broken are left out.

    Designs that leak the same share a sheet, which comes once.
    """
    shown: set[str] = set()
    for option in options:
        first: dict[str, Leak] = {}
        for leak in sorted(option.leaks, key=lambda leak: leak.seed):
            first.setdefault(leak.attack, leak)
        most = option.exposure.get("ssim")
        for leak in first.values():
            if leak.sheet and leak.sheet not in shown and (small := _small(run / leak.sheet)):
                shown.add(leak.sheet)
                yield Sheet(leak, *small, worst=bool(most and most.attack == leak.attack))


def _small(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except OSError:
        return None
    picture.thumbnail(_LARGEST)
    page = io.BytesIO()
    picture.save(page, "JPEG", quality=75)
    return page.getvalue(), picture.size
