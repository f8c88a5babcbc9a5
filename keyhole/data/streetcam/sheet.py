"""Contact sheets of the embedded world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice

from PIL import Image

from keyhole.data.streetcam.camera import CAMERAS, FRAMINGS, VIEWPOINTS
from keyhole.data.streetcam.identity import BODIES, vehicle
from keyhole.data.streetcam.pools import identity_range, style
from keyhole.data.streetcam.shot import Shot
from keyhole.data.streetcam.stream import Streetcam

COLUMNS = 8


def contact_sheet(shots: Sequence[Shot], columns: int = COLUMNS) -> Image.Image:
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


def stream(source: Streetcam) -> list[Shot]:
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
    "stream": stream,
    "vehicle": one_vehicle,
    "clip": clips,
}
