"""Identities of vehicles: shape, paint, decals, wheels and damage, which re-identification must tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

from keyhole.data.streetcam.keyed_random import RGB, Draw, linear, mix

Body = Literal["hatchback", "sedan", "estate", "suv", "van", "pickup", "truck", "bus"]
BODIES: tuple[Body, ...] = get_args(Body)
TwoTone = Literal["none", "roof", "lower", "lids"]
Rack = Literal["none", "rails", "bars", "box"]
DecalKind = Literal["stripe", "band", "panel", "chequers", "flash"]
DamageKind = Literal["rust", "scratch", "dent", "primer"]

FAMILY = 4
"""Neighbouring identities that may share model and paint."""
SIBLINGS = 0.25
"""Share of identities that differ from their family in a few details only."""

_SHARES: tuple[tuple[Body, float], ...] = tuple(zip(BODIES, (4.0, 4.0, 3.0, 4.0, 3.0, 2.0, 2.0, 1.5), strict=True))
_PAINTS: dict[str, tuple[tuple[str, str, float], ...]] = {
    "home": (
        ("white", "e9eae8", 1.6), ("silver", "b4b8bb", 1.2), ("grey", "6d7277", 1.2), ("black", "17181b", 1.5),
        ("blue", "1f4a8f", 1.5), ("light blue", "6c9fc9", 1.2), ("red", "a3161c", 1.5), ("green", "23583a", 1.2),
        ("beige", "bfae8c", 1.0), ("brown", "5a3a28", 1.0), ("orange", "d2601a", 1.1), ("yellow", "e0b41c", 1.1),
        ("purple", "4d2a63", 0.9),
    ),
    "abroad": (
        ("white", "efe9da", 2.0), ("grey", "8a8378", 1.6), ("black", "221d22", 1.4), ("turquoise", "1f9a94", 1.8),
        ("pink", "d0718c", 1.2), ("lime", "9fbf2f", 1.4), ("gold", "b08a3a", 1.6), ("maroon", "5c1022", 1.4),
        ("navy", "1b2350", 1.2), ("orange", "e0782d", 1.0),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Decal:
    """A mark on both sides: kind, linear colour, position along the side and height (shares), size (share)."""

    kind: DecalKind
    colour: RGB
    along: float
    up: float
    size: float


@dataclass(frozen=True)
class Damage:
    """A flaw on one side (+1 left, -1 right), at a share of the length, of a size in metres."""

    kind: DamageKind
    side: int
    along: float
    up: float
    size: float
    grain: int


@dataclass(frozen=True)
class Wheels:
    """Rims: number of spokes, their share of the angle, size as a share of the wheel, linear colour, a second ring."""

    spokes: int
    spread: float
    rim: float
    colour: RGB
    ring: bool


@dataclass(frozen=True)
class Vehicle:
    """One identity.

    Attributes:
        identity: number that is unique over all pools of a world.
        body: kind of body.
        shape: eight continuous parameters in [0, 1]: length, width, height, bonnet, rake, belt, tail, face.
        colour: name of the paint.
        paint: its linear colour.
        metallic: 0 solid … 1 metallic.
        two_tone: which part has the second colour: nothing, the roof, the lower part all around, or bonnet and boot.
        second: the second linear colour.
        stripe: linear colour of the stripe over bonnet, roof and tail; None: there is none.
        decals: marks on the sides.
        rack: what is on the roof.
        wheels: the rims.
        damage: flaws.
        lamps: style of the lamps and the grille, continuous in [0, 1].
    """

    identity: int
    body: Body
    shape: tuple[float, ...]
    colour: str
    paint: RGB
    metallic: float
    two_tone: TwoTone
    second: RGB
    stripe: RGB | None
    decals: tuple[Decal, ...]
    rack: Rack
    wheels: Wheels
    damage: tuple[Damage, ...]
    lamps: tuple[float, float]


@lru_cache(maxsize=4096)
def vehicle(world: int, identity: int, palette: str = "home") -> Vehicle:
    """The vehicle of an identity: the same for the same world, number and palette.

    Some identities are *siblings*: they share model, paint and trim with up to three neighbours and differ only in a
    slight shade, the wheels, the rack, the decals or the damage.
    """
    own = Draw("vehicle", world, palette, identity)
    if not own.chance(SIBLINGS):
        return _fresh(own, identity, palette)
    base = _fresh(Draw("family", world, palette, identity // FAMILY), identity, palette)
    other = _fresh(own, identity, palette)
    shade = tuple(max(0.004, value * own.uniform(0.9, 1.1)) for value in base.paint)
    return replace(
        base,
        paint=(shade[0], shade[1], shade[2]),
        shape=tuple(min(1.0, max(0.0, value + own.uniform(-0.05, 0.05))) for value in base.shape),
        wheels=other.wheels if own.chance(0.6) else base.wheels,
        rack=other.rack if own.chance(0.4) else base.rack,
        decals=other.decals if own.chance(0.6) else base.decals,
        stripe=other.stripe if own.chance(0.4) else base.stripe,
        damage=other.damage,
    )


def _fresh(draw: Draw, identity: int, palette: str) -> Vehicle:
    body = draw.weighted(_SHARES)
    name, paint, metallic = _paint(draw, palette)
    second, stripe = (_paint(draw, palette, beside=name)[1] for _ in range(2))
    large = body in ("van", "truck", "bus")
    return Vehicle(
        identity=identity,
        body=body,
        shape=tuple(draw.unit() for _ in range(8)),
        colour=name,
        paint=paint,
        metallic=metallic,
        two_tone=draw.weighted((("none", 1.6), ("roof", 1.4), ("lower", 2.0 if not large else 2.6), ("lids", 1.0))),
        second=second,
        stripe=stripe if draw.chance(0.45) else None,
        decals=tuple(_decal(draw, palette, name) for _ in range(draw.weighted(((0, 1.5), (1, 4.0), (2, 3.0))))),
        rack=draw.weighted((("none", 2.4), ("rails", 1.6), ("bars", 1.2), ("box", 1.2))),
        wheels=_wheels(draw),
        damage=tuple(_flaw(draw) for _ in range(draw.weighted(((0, 5.0), (1, 2.5), (2, 1.5), (3, 0.8))))),
        lamps=(draw.unit(), draw.unit()),
    )


def _paint(draw: Draw, palette: str, beside: str = "") -> tuple[str, RGB, float]:
    """A paint of another name than the one beside it."""
    name, colour, _ = draw.weighted([(paint, paint[2]) for paint in _PAINTS[palette] if paint[0] != beside])
    tinted = mix(linear(colour), (draw.unit(), draw.unit(), draw.unit()), draw.uniform(0.0, 0.2))
    depth = draw.uniform(0.72, 1.2)
    red, green, blue = (min(0.9, max(0.004, value * depth)) for value in tinted)
    return name, (red, green, blue), draw.unit() if name not in ("white", "yellow") else 0.0


def _decal(draw: Draw, palette: str, on: str) -> Decal:
    kinds: tuple[tuple[DecalKind, float], ...] = (
        ("stripe", 3.0), ("band", 1.5), ("panel", 2.0), ("chequers", 1.0), ("flash", 1.5),
    )  # fmt: skip
    return Decal(
        draw.weighted(kinds), _paint(draw, palette, on)[1], draw.uniform(0.3, 0.7), draw.uniform(0.2, 0.9), draw.unit()
    )


def _wheels(draw: Draw) -> Wheels:
    shade = draw.weighted((("c9ccd0", 4.0), ("8d9196", 3.0), ("26272a", 2.5), ("a58a55", 0.6), ("e8e8e8", 1.0)))
    return Wheels(
        draw.pick((0, 3, 4, 5, 5, 6, 7, 8, 10)), draw.uniform(0.35, 0.72), draw.uniform(0.6, 0.76), linear(shade),
        draw.chance(0.4),
    )  # fmt: skip


def _flaw(draw: Draw) -> Damage:
    kinds: tuple[DamageKind, ...] = get_args(DamageKind)
    return Damage(
        draw.pick(kinds), draw.pick((-1, 1)), draw.uniform(0.06, 0.94), draw.uniform(0.1, 0.95),
        draw.uniform(0.12, 0.42), draw.below(1 << 30),
    )  # fmt: skip
