"""Driver and passenger: who they are, and how they are drawn behind the glass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.keyed_random import RGB, Draw, Point, linear, mix
from keyhole.data.streetcam.light import Light, tone

Skin = Literal["light", "medium", "dark"]
Hair = Literal["black", "brown", "blond", "red", "grey", "bald"]
Cut = Literal["short", "long"]
Hat = Literal["none", "cap", "beanie", "brim"]
Glasses = Literal["none", "clear", "dark"]

SKINS: tuple[tuple[Skin, float], ...] = (("light", 1.0), ("medium", 1.0), ("dark", 1.0))
"""Values with their weights in the population; so are the four that follow."""
HAIRS: tuple[tuple[Hair, float], ...] = (
    ("black", 3.0), ("brown", 3.0), ("blond", 2.0), ("red", 1.0), ("grey", 1.5), ("bald", 1.0),
)  # fmt: skip
CUTS: tuple[tuple[Cut, float], ...] = (("short", 1.0), ("long", 1.0))
HATS: tuple[tuple[Hat, float], ...] = (("none", 5.0), ("cap", 2.0), ("beanie", 1.5), ("brim", 1.5))
GLASSES: tuple[tuple[Glasses, float], ...] = (("none", 2.0), ("clear", 1.0), ("dark", 1.0))
ACCOMPANIED = 0.45
"""Share of drivers that have a passenger."""

_SKINS: dict[Skin, RGB] = {"light": linear("e8b999"), "medium": linear("b5804f"), "dark": linear("5f3c28")}
_HAIR: dict[Hair, RGB] = {
    "black": linear("15110f"), "brown": linear("4a2d1a"), "blond": linear("d2ac62"), "red": linear("96401c"),
    "grey": linear("a9a9a9"), "bald": (0.0, 0.0, 0.0),
}  # fmt: skip
_CLOTHES = tuple(linear(c) for c in ("d8d8d8", "2c3f66", "7a2430", "30302f", "4f7a5a", "c98f34", "5d4a7a", "e8dcc0"))
_HATS = tuple(linear(c) for c in ("c02828", "20386c", "e6e2d6", "2a2a2a", "2f7a4c", "d8a020"))


@dataclass(frozen=True)
class Person:
    """How a person looks: skin, hair, cut, hat, glasses, and linear colours of clothes and hat."""

    skin: Skin
    hair: Hair
    cut: Cut
    hat: Hat
    glasses: Glasses
    clothes: RGB
    hat_colour: RGB


@dataclass(frozen=True)
class Occupants:
    """The driver, and the passenger where there is one."""

    driver: Person
    passenger: Person | None


def occupants(draw: Draw) -> Occupants:
    """Random people for a vehicle."""
    driver = _person(draw)
    return Occupants(driver, _person(draw) if draw.chance(ACCOMPANIED) else None)


def _person(draw: Draw) -> Person:
    return Person(
        skin=draw.weighted(SKINS),
        hair=draw.weighted(HAIRS),
        cut=draw.weighted(CUTS),
        hat=draw.weighted(HATS),
        glasses=draw.weighted(GLASSES),
        clothes=draw.pick(_CLOTHES),
        hat_colour=draw.pick(_HATS),
    )


@dataclass(frozen=True)
class Cabin:
    """Places of the heads of driver and passenger, and the directions forward and left (unit vectors)."""

    head: Point
    passenger: Point
    forward: Point
    left: Point


def draw_occupants(interior: Image.Image, view: View, cabin: Cabin, who: Occupants, light: Light, level: float) -> None:
    """Draw seats, people and the steering wheel into the picture of the interior.

    Args:
        interior: RGB, changed in place.
        view: in the interior's pixels.
        cabin: where they sit.
        who: the people.
        light: the hour's light.
        level: how much of it gets into the cabin.
    """
    pen = ImageDraw.Draw(interior)
    places = [(cabin.head, who.driver), (cabin.passenger, who.passenger)]
    places.sort(key=lambda place: -_far(view, place[0]))
    towards = sum((view.eye[i] - cabin.head[i]) * cabin.forward[i] for i in range(3)) > 0
    lit = _Lit(light, level)
    for head, person in places:
        if towards:
            _seat(pen, view, cabin, head, lit)
        if person is not None:
            _figure(pen, view, cabin, head, person, lit)
        if not towards:
            _seat(pen, view, cabin, head, lit)
    if towards:
        _steering(pen, view, cabin, lit)


@dataclass(frozen=True)
class _Lit:
    light: Light
    level: float

    def __call__(self, colour: RGB, factor: float = 1.0) -> tuple[int, int, int]:
        red, green, blue = (
            tone(
                colour[i] * factor * self.level * self.light.exposure
                * (self.light.sky[i] + 0.55 * self.light.direct[i] + 0.05)
            )
            for i in range(3)
        )  # fmt: skip
        return red, green, blue


def _far(view: View, point: Point) -> float:
    return sum((point[i] - view.eye[i]) * view.forward[i] for i in range(3))


def _move(point: Point, cabin: Cabin, ahead: float, left: float, up: float) -> Point:
    f, s = cabin.forward, cabin.left
    return (
        point[0] + ahead * f[0] + left * s[0], point[1] + ahead * f[1] + left * s[1], point[2] + up,
    )  # fmt: skip


def _ball(
    pen: ImageDraw.ImageDraw, view: View, middle: Point, wide: float, tall: float, fill: tuple[int, int, int]
) -> None:
    x, y, scale = view.pixel(middle)
    pen.ellipse((x - wide * scale, y - tall * scale, x + wide * scale, y + tall * scale), fill=fill)


def _seat(pen: ImageDraw.ImageDraw, view: View, cabin: Cabin, head: Point, lit: _Lit) -> None:
    back = [
        _move(head, cabin, -0.16, side, up)
        for side, up in ((-0.24, -0.75), (-0.22, -0.16), (0.22, -0.16), (0.24, -0.75))
    ]
    pen.polygon([view.pixel(point)[:2] for point in back], fill=lit((0.045, 0.045, 0.05)))
    _ball(pen, view, _move(head, cabin, -0.18, 0, -0.03), 0.13, 0.12, lit((0.06, 0.06, 0.065)))


def _steering(pen: ImageDraw.ImageDraw, view: View, cabin: Cabin, lit: _Lit) -> None:
    x, y, scale = view.pixel(_move(cabin.head, cabin, 0.48, 0, -0.36))
    size = 0.19 * scale
    pen.ellipse(
        (x - size, y - 0.8 * size, x + size, y + 0.8 * size),
        outline=lit((0.02, 0.02, 0.02)),
        width=max(1, int(0.03 * scale)),
    )


def _figure(pen: ImageDraw.ImageDraw, view: View, cabin: Cabin, head: Point, who: Person, lit: _Lit) -> None:
    skin, clothes = _SKINS[who.skin], who.clothes
    hair = _HAIR[who.hair] if who.hair != "bald" else skin
    shoulders = [
        _move(head, cabin, 0, side, up)
        for side, up in ((-0.25, -0.62), (-0.25, -0.27), (-0.1, -0.17), (0.1, -0.17), (0.25, -0.27), (0.25, -0.62))
    ]
    pen.polygon([view.pixel(point)[:2] for point in shoulders], fill=lit(clothes))
    _ball(pen, view, _move(head, cabin, 0, 0, -0.48), 0.17, 0.32, lit(clothes, 0.85))
    _ball(pen, view, _move(head, cabin, 0, 0, -0.22), 0.18, 0.1, lit(clothes))
    face = _move(head, cabin, 0.045, 0, -0.012)
    away = [view.eye[i] - head[i] for i in range(3)]
    norm = sum(value * value for value in away) ** 0.5
    facing = sum(away[i] * cabin.forward[i] for i in range(3)) / norm

    def paint_hair() -> None:
        if who.cut == "long" and who.hair != "bald":
            _ball(pen, view, _move(head, cabin, -0.04, 0, -0.06), 0.135, 0.19, lit(hair))
        _ball(pen, view, _move(head, cabin, -0.02, 0, 0.02), 0.112, 0.13, lit(hair))

    def paint_face() -> None:
        _ball(pen, view, _move(head, cabin, 0.0, 0, -0.14), 0.05, 0.08, lit(skin, 0.7))
        _ball(pen, view, face, 0.093, 0.122, lit(skin, 0.72))
        _ball(pen, view, _move(face, cabin, 0.02, 0.012, 0.014), 0.08, 0.105, lit(skin))
        x, y, scale = view.pixel(_move(face, cabin, 0.05, 0, 0.055))
        if who.hair != "bald":
            wide = 0.098 * scale
            pen.chord((x - wide, y - 0.085 * scale, x + wide, y + 0.075 * scale), 182, 358, fill=lit(hair))
        _features(pen, view, cabin, face, who, lit, skin)

    if facing > -0.25:
        paint_hair()
        paint_face()
    else:
        paint_face()
        paint_hair()
    _hat(pen, view, cabin, head, who, lit)


def _features(
    pen: ImageDraw.ImageDraw, view: View, cabin: Cabin, face: Point, who: Person, lit: _Lit, skin: RGB
) -> None:
    dark = lit((0.015, 0.012, 0.012))
    for side in (-0.038, 0.038):
        eye = _move(face, cabin, 0.085, side, 0.018)
        if who.glasses == "none":
            _ball(pen, view, eye, 0.014, 0.009, dark)
        elif who.glasses == "dark":
            _ball(pen, view, eye, 0.037, 0.029, dark)
        else:
            _ball(pen, view, eye, 0.036, 0.028, dark)
            _ball(pen, view, eye, 0.024, 0.017, lit(mix(skin, (0.8, 0.85, 0.9), 0.6)))
    if who.glasses != "none":
        ends = [view.pixel(_move(face, cabin, 0.085, side, 0.022))[:2] for side in (-0.085, 0.085)]
        pen.line(ends, fill=dark, width=max(1, int(0.01 * view.pixel(face)[2])))
    _ball(pen, view, _move(face, cabin, 0.095, 0, -0.062), 0.026, 0.008, lit(mix(skin, (0.35, 0.05, 0.05), 0.6)))
    _ball(pen, view, _move(face, cabin, 0.11, 0, -0.015), 0.012, 0.02, lit(skin, 1.15))


def _hat(pen: ImageDraw.ImageDraw, view: View, cabin: Cabin, head: Point, who: Person, lit: _Lit) -> None:
    if who.hat == "none":
        return
    fill, dim = lit(who.hat_colour), lit(who.hat_colour, 0.6)
    x, y, scale = view.pixel(_move(head, cabin, 0, 0, 0.06))
    wide, tall = 0.122 * scale, (0.105 if who.hat != "beanie" else 0.14) * scale
    pen.chord((x - wide, y - tall, x + wide, y + tall), 180, 360, fill=fill)
    if who.hat == "beanie":
        pen.rectangle((x - wide, y - 0.03 * scale, x + wide, y + 0.012 * scale), fill=dim)
    elif who.hat == "cap":
        a, b, _ = view.pixel(_move(head, cabin, 0.13, 0, 0.055))
        pen.ellipse((a - 0.1 * scale, b - 0.02 * scale, a + 0.1 * scale, b + 0.025 * scale), fill=dim)
    else:
        pen.ellipse((x - 0.2 * scale, y - 0.025 * scale, x + 0.2 * scale, y + 0.03 * scale), fill=dim)
