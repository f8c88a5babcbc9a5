"""Contact sheets of the report, small: truth, reconstruction, the thumbnail that it equals, what is made blind."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks import FLOOR
from keyhole.bench.advice.exposure import picture_exposures
from keyhole.bench.advice.options import Option
from keyhole.bench.records import PICTURE, Design, LeakRecord, ScaleRecord
from keyhole.bench.report.equivalents import EquivalentThumbnails
from keyhole.bench.report.view import design_name, slug
from keyhole.metrics.thumbnails import HEADLINE, SIDES, Thumbnail, shrunk
from keyhole.presentation import attacks
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet, tiles

DENSITY = 1.5
"""Of a sheet's pixels to those that it is shown on, for screens that have more."""
_TILE, _ROWS = 132, 3
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
        thumbnail: that it equals, over all of its pictures; None: not known.
    """

    name: str
    leak: LeakRecord
    designs: tuple[Design, ...]
    jpeg: bytes
    size: tuple[int, int]
    strongest: bool
    thumbnail: Thumbnail | None = None

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height at which the page shows it."""
        return round(self.size[0] / DENSITY), round(self.size[1] / DENSITY)

    @property
    def alt(self) -> str:
        """What it shows, for those who cannot see it."""
        return f"truth and reconstructions by {self.leak.attack}"

    @property
    def ssim(self) -> float | None:
        """Mean over the pictures of this attack and seed."""
        values = self.leak.scores.get("ssim")
        return sum(values) / len(values) if values else None

    @property
    def caption(self) -> str:
        """Whose it is, and what it scores."""
        attack = [] if self.leak.attack == PICTURE else [self.leak.attack]
        equal = [self.thumbnail.text] if self.thumbnail else []
        ssim = [f"SSIM {self.ssim:.3f}"] if self.ssim is not None else []
        return f"{' = '.join(map(design_name, self.designs))}: {', '.join([*attack, *equal, *ssim])}"


def contact_sheets(
    options: Sequence[Option], run: Path, equivalents: EquivalentThumbnails | None
) -> Iterator[ContactSheet]:
    """One for each attack on each design, of its first seed; those that are gone or broken are left out.

    Designs that leak the same share a sheet.

    Args:
        options: of one target.
        run: folder that the sheets lie in.
        equivalents: of the target's pictures; None: the thumbnails that they equal are not known.
    """
    blind = _blind(run, equivalents.scale) if equivalents else None
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
        equal = _thumbnail(option, leak.attack, equivalents) if equivalents else None
        if found := _small(run / path, leak, equal, blind):
            most = option.exposure.get("ssim")
            designs = tuple(each.design for each, _ in shared)
            strongest = bool(most and most.attack == leak.attack)
            yield ContactSheet(_name(leak), leak, designs, *found, strongest, equal)


def _name(leak: LeakRecord) -> str:
    design = leak.design
    return slug(f"{design.target}-{design.cut}-{design.defence}-{design.codec}-{leak.attack}-{leak.seed}")


def _thumbnail(option: Option, attack: str, equivalents: EquivalentThumbnails) -> Thumbnail | None:
    if not option.splits:
        return option.thumbnail
    found = next((each for each in picture_exposures(option.leaks, HEADLINE) if each.attack == attack), None)
    return equivalents.of(found) if found else None


def _blind(run: Path, scale: ScaleRecord) -> list[Tile] | None:
    """What the blind attacker shows by its best recipe, from the sheet of the scale."""
    best, names = scale.floor(HEADLINE), list(scale.blind)
    sheet = opened(run / scale.sheet) if scale.sheet else None
    if best is None or sheet is None:
        return None
    recipe = next(name for name, leak in scale.blind.items() if leak is best)
    for columns in range(1 + len(names), 1 + len(names) + len(SIDES)):
        if found := tiles(sheet, columns):
            return [Tile(picture) for picture in found[1 + names.index(recipe)][:_ROWS]]
    return None


def _small(
    path: Path, leak: LeakRecord, equal: Thumbnail | None, blind: list[Tile] | None
) -> tuple[bytes, tuple[int, int]] | None:
    sheet = opened(path)
    if sheet is None:
        return None
    picture = _composed(sheet, leak, equal, blind) or _shrunk(sheet)
    return jpeg_of(picture), picture.size


def jpeg_of(picture: Image.Image) -> bytes:
    """A sheet as a page holds it."""
    page = io.BytesIO()
    picture.save(page, "JPEG", quality=82)
    return page.getvalue()


def opened(path: Path) -> Image.Image | None:
    """The picture in a file, RGB; None where it is gone or broken."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError:
        return None


def _composed(
    sheet: Image.Image, leak: LeakRecord, equal: Thumbnail | None, blind: list[Tile] | None
) -> Image.Image | None:
    """The first pictures of a sheet once more, with what stands beside them in a report."""
    found = tiles(sheet, columns=2)
    if found is None:
        return None
    truths, made = (column[:_ROWS] for column in found)
    columns = [
        Column("truth", _tiles(truths)),
        Column(leak.attack.replace("-", "\n", 1), _tiles(made), attacks.colour(leak.attack)),
    ]
    if equal and leak.attack != PICTURE:
        columns.append(Column(f"thumbnail\n{equal.brief}", _tiles(_as_thumbnails(truths, equal))))
    if blind:
        columns.append(Column("blind\nattacker", blind, attacks.colour(FLOOR)))
    return contact_sheet(columns, _TILE)


def _tiles(pictures: Sequence[Image.Image | None]) -> list[Tile]:
    return [Tile(picture) for picture in pictures]


def _as_thumbnails(truths: Sequence[Image.Image], equal: Thumbnail) -> list[Image.Image | None]:
    """The truths as such thumbnails, enlarged again; nothing where they equal nothing."""
    if not equal.side:
        return [None for _ in truths]
    pictures = torch.stack(
        [transform.to_dtype(transform.to_image(truth), torch.float32, scale=True) for truth in truths]
    )
    return [transform.to_pil_image(made) for made in shrunk(pictures, max(1, round(equal.side)))]


def _shrunk(sheet: Image.Image) -> Image.Image:
    sheet.thumbnail(_LARGEST)
    return sheet
