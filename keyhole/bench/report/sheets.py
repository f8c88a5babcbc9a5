"""Contact sheets of the report, small: true pictures beside what an attack made of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from keyhole.bench.advice.options import Option
from keyhole.bench.records import Design, LeakRecord
from keyhole.bench.report.view import design_name, slug
from keyhole.presentation import attacks
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet, tiles

_TILE, _ROWS = 112, 3
_LARGEST = (300, 1200)  # of a picture that is no contact sheet as they are made now, pixels


@dataclass(frozen=True)
class ContactSheet:
    """Truths beside what an attack made of them.

    Attributes:
        name: of its file, without ending, and of the element of the page that shows it.
        leak: whose.
        designs: all that it is of: what loses nothing more leaks the same.
        jpeg: the picture, small.
        size: of it, width and height.
        strongest: whether no attack on the design got more.
    """

    name: str
    leak: LeakRecord
    designs: tuple[Design, ...]
    jpeg: bytes
    size: tuple[int, int]
    strongest: bool

    @property
    def ssim(self) -> float | None:
        """Mean over the pictures of this attack and seed."""
        values = self.leak.scores.get("ssim")
        return sum(values) / len(values) if values else None

    @property
    def caption(self) -> str:
        """Whose it is, and what it scores."""
        attack = f"{self.leak.attack}" + (f", SSIM {self.ssim:.3f}" if self.ssim is not None else "")
        return f"{' = '.join(map(design_name, self.designs))}: {attack}"


def contact_sheets(options: Sequence[Option], run: Path) -> Iterator[ContactSheet]:
    """One for each attack on each design, of its first seed; those that are gone or broken are left out.

    Designs that leak the same share a sheet.

    Args:
        options: of one target.
        run: folder that the sheets lie in.
    """
    of_sheet: dict[str, list[tuple[Option, LeakRecord]]] = {}
    for option in options:
        first: dict[str, LeakRecord] = {}
        for leak in sorted(option.leaks, key=lambda leak: leak.seed):
            first.setdefault(leak.attack, leak)
        for leak in first.values():
            if leak.sheet:
                of_sheet.setdefault(leak.sheet, []).append((option, leak))
    for path, shared in of_sheet.items():
        option, leak = shared[0]
        if found := _small(run / path, leak):
            most = option.exposure.get("ssim")
            designs = tuple(each.design for each, _ in shared)
            strongest = bool(most and most.attack == leak.attack)
            yield ContactSheet(_name(leak), leak, designs, *found, strongest)


def _name(leak: LeakRecord) -> str:
    design = leak.design
    return slug(f"{design.target}-{design.cut}-{design.defence}-{design.codec}-{leak.attack}-{leak.seed}")


def _small(path: Path, leak: LeakRecord) -> tuple[bytes, tuple[int, int]] | None:
    try:
        with Image.open(path) as image:
            sheet = image.convert("RGB")
    except OSError:
        return None
    picture = _composed(sheet, leak) or _shrunk(sheet)
    page = io.BytesIO()
    picture.save(page, "JPEG", quality=82)
    return page.getvalue(), picture.size


def _composed(sheet: Image.Image, leak: LeakRecord) -> Image.Image | None:
    """The first pictures of a sheet once more, with what stands beside them in a report."""
    found = tiles(sheet, columns=2)
    if found is None:
        return None
    truths, made = ([Tile(picture) for picture in column[:_ROWS]] for column in found)
    heading = leak.attack.replace("-", "\n", 1)
    return contact_sheet([Column("truth", truths), Column(heading, made, attacks.colour(leak.attack))], _TILE)


def _shrunk(sheet: Image.Image) -> Image.Image:
    sheet.thumbnail(_LARGEST)
    return sheet
