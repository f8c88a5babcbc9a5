"""``keyhole data``: the data sets that can be opened, and contact sheets of streetcam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice

from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from keyhole.data.sets.catalogue import SETS
from keyhole.data.sets.pools import POOLS
from keyhole.data.settings import SetsSettings, StreetcamSettings
from keyhole.data.streetcam.camera import CAMERAS, FRAMINGS, VIEWPOINTS
from keyhole.data.streetcam.identity import BODIES, vehicle
from keyhole.data.streetcam.pools import identity_range, style
from keyhole.data.streetcam.shot import Shot
from keyhole.data.streetcam.stream import Streetcam
from keyhole.service.errors import UsageError
from keyhole.service.files import SHEET, check_file
from keyhole.terminal import terminal

COLUMNS = 8


def sets(settings: SetsSettings) -> int:
    """Print the data sets.

    Raises:
        ValueError: no name or task contains the filter.
    """
    listed = {name: layout for name, layout in SETS.items() if settings.filter in f"{name} {layout.task}"}
    if not listed:
        raise UsageError(f"no data set's name or task contains {settings.filter!r}")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_lines=True)
    table.add_column("set", no_wrap=True)
    table.add_column("task, layout, splits, where it is obtained", overflow="fold")
    for name, layout in listed.items():
        lines = (layout.task, layout.tree, f"splits: {', '.join(layout.splits)}", layout.owner)
        table.add_row(name, Text("\n".join(lines)))
    terminal().print(
        table,
        f"Open one as NAME:PATH, for example --source veri:/data/VeRi. Each has disjoint pools, {', '.join(POOLS)}:\n"
        "audit holds the owner's test splits; private and public share the rest by identity, else clip, else picture.\n"
        "Where the owner has no test split, all three share it.",
        markup=False,
    )
    return 0


def streetcam(settings: StreetcamSettings) -> int:
    """Write a contact sheet and print what its first pictures show.

    Raises:
        UsageError: the sheet cannot be written there.
    """
    check_file("--sheet", settings.sheet, SHEET)
    source = Streetcam(settings.pool, settings.size, settings.seed, settings.world)
    shots = SHEETS[settings.show](source)
    settings.sheet.parent.mkdir(parents=True, exist_ok=True)
    tiled(shots).save(settings.sheet)
    console = terminal()
    for shot in shots[:8]:
        console.print(f"{shot.identity:>8}  camera {shot.camera:>2}  {shot.caption}")
    console.print(f"{len(shots)} pictures of pool {settings.pool}: {settings.sheet}")
    return 0


def tiled(shots: Sequence[Shot], columns: int = COLUMNS) -> Image.Image:
    """Pictures side by side, row by row."""
    size = shots[0].picture.shape[0]
    sheet = Image.new("RGB", (columns * size, -(-len(shots) // columns) * size))
    for place, shot in enumerate(shots):
        sheet.paste(Image.fromarray(shot.picture), (place % columns * size, place // columns * size))
    return sheet


def bodies(source: Streetcam) -> list[Shot]:
    """A row for each kind of body, a column for each viewpoint, near, middle and far in turn."""
    shots = []
    first, palette = identity_range(source.pool).start, style(source.pool).palette
    for row, body in enumerate(BODIES):
        fitting = (place for place in count() if vehicle(source.world, first + place, palette).body == body)
        places = list(islice(fitting, 4))
        for column in range(len(VIEWPOINTS)):
            camera = (row + column) % len(FRAMINGS) * len(VIEWPOINTS) + column
            shots.append(source.shot(places[column % len(places)], camera, row))
    return shots


def first_pictures(source: Streetcam) -> list[Shot]:
    """The first pictures of the stream."""
    return [source.item(index) for index in range(8 * COLUMNS)]


def one_vehicle(source: Streetcam) -> list[Shot]:
    """Three vehicles, each before all cameras."""
    return [shot for place in range(3) for shot in source.shots_of(place, CAMERAS)]


def clips(source: Streetcam) -> list[Shot]:
    """A clip in each row."""
    return [shot for row in range(8) for shot in source.clip(row, COLUMNS, (5 * row + 9) % CAMERAS)]


SHEETS: dict[str, Callable[[Streetcam], list[Shot]]] = {
    "bodies": bodies,
    "stream": first_pictures,
    "vehicle": one_vehicle,
    "clip": clips,
}
