"""Contact sheets of attacks on a classifier's classes: private pictures beside what every attack made of the class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from keyhole.bench.advice.options import Option
from keyhole.bench.advice.training import class_mean
from keyhole.bench.records import TrainingSetRecord
from keyhole.bench.report.sheets import DENSITY, jpeg_of, opened
from keyhole.bench.report.training import by_strength
from keyhole.bench.report.view import slug
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet, tiles

_TILE = 96


@dataclass(frozen=True)
class ClassSheet:
    """Private pictures beside what attacks made of their classes, the strongest attack first, public pictures last.

    Attributes:
        name: of the element of the page that shows it.
        caption: whose classes they are.
        jpeg: the picture.
        size: of it, width and height.
        alt: what it shows, for those who cannot see it.
    """

    name: str
    caption: str
    jpeg: bytes
    size: tuple[int, int]
    alt: str = "private pictures, and what attacks made of their classes"

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height at which the page shows it."""
        return round(self.size[0] / DENSITY), round(self.size[1] / DENSITY)


def class_sheets(options: Sequence[Option], records: Sequence[TrainingSetRecord], run: Path) -> Iterator[ClassSheet]:
    """One for each training of a target whose classes were attacked; what is gone or broken is left out.

    Args:
        options: of one target, those under trained defences among them.
        records: of all targets.
        run: folder that the sheets of single attacks lie in.
    """
    for option in (option for option in options if option.alone):
        columns = list(_columns([record for record in records if record.design == option.design], run))
        if columns:
            picture = contact_sheet(columns, _TILE)
            design = option.design
            caption = f"{design.target}, {design.defence}: of the pictures of each column, so many are recognised"
            yield ClassSheet(slug(f"classes-{design.target}-{design.defence}"), caption, jpeg_of(picture), picture.size)


def _columns(records: Sequence[TrainingSetRecord], run: Path) -> Iterator[Column]:
    found = [
        (record, pair)
        for record in sorted(records, key=by_strength)
        if record.sheet and (sheet := opened(run / record.sheet)) and (pair := tiles(sheet, columns=2))
    ]
    for at, (record, (private, made)) in enumerate(found):
        if at == 0:
            yield Column("private", _tiles(private))
        mean = class_mean(record)
        share = f"{100 * mean.mean:.0f} %" if mean else ""
        yield Column(f"{record.attack.replace('public-', 'public ')}\n{share}", _tiles(made))


def _tiles(pictures: Sequence[Image.Image]) -> list[Tile]:
    return [Tile(picture) for picture in pictures]
