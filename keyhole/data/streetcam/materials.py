"""Materials of surfaces: colour, reflection, transparency and own light."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from keyhole.data.streetcam.identity import Vehicle
from keyhole.data.streetcam.keyed_random import RGB, linear, mix


class Stuff(IntEnum):
    """Materials of a vehicle and of what stands beside it."""

    BODY = 0
    LOWER = auto()
    ROOF = auto()
    LIDS = auto()
    BODY_STRIPE = auto()
    ROOF_STRIPE = auto()
    LIDS_STRIPE = auto()
    BOX = auto()
    GLASS = auto()
    TRIM = auto()
    DARK = auto()
    GAP = auto()
    TYRE = auto()
    RIM = auto()
    RIM_DARK = auto()
    CHROME = auto()
    GRILLE = auto()
    HEADLAMP = auto()
    TAILLAMP = auto()
    INDICATOR = auto()
    PLATE = auto()
    RUST = auto()
    SCRATCH = auto()
    PRIMER = auto()
    DECAL_A = auto()
    DECAL_B = auto()
    POLE = auto()
    SIGN = auto()


@dataclass(frozen=True)
class Material:
    """Linear colour, mirror reflection seen head-on, strength of the mirror, whether it is glass, its own light."""

    colour: RGB
    head_on: float = 0.04
    mirror: float = 0.0
    glass: float = 0.0
    light: float = 0.0


_FIXED: dict[Stuff, Material] = {
    Stuff.GLASS: Material((0.02, 0.025, 0.025), 0.075, 1.15, glass=1.0),
    Stuff.TRIM: Material(linear("2b2c2e"), 0.04, 0.25),
    Stuff.DARK: Material(linear("0c0c0d")),
    Stuff.GAP: Material(linear("101112")),
    Stuff.TYRE: Material(linear("232427"), 0.03, 0.12),
    Stuff.RIM_DARK: Material(linear("141517"), 0.04, 0.1),
    Stuff.CHROME: Material((0.3, 0.31, 0.32), 0.5, 1.0),
    Stuff.GRILLE: Material(linear("17181a"), 0.05, 0.4),
    Stuff.INDICATOR: Material(linear("d07a18"), 0.05, 0.8),
    Stuff.PLATE: Material((0.8, 0.8, 0.78), 0.04, 0.05, light=0.16),
    Stuff.RUST: Material(linear("6b3a1c")),
    Stuff.SCRATCH: Material((0.55, 0.55, 0.55)),
    Stuff.PRIMER: Material(linear("84868a")),
    Stuff.POLE: Material(linear("7d8285"), 0.05, 0.3),
    Stuff.SIGN: Material((0.5, 0.5, 0.5), 0.04, 0.1, light=0.12),
}

_STRIPES = {Stuff.BODY_STRIPE: Stuff.BODY, Stuff.ROOF_STRIPE: Stuff.ROOF, Stuff.LIDS_STRIPE: Stuff.LIDS}
"""The material below each stripe."""


def materials(car: Vehicle, *, headlamps: bool, braking: bool) -> tuple[Material, ...]:
    """The materials of a vehicle, in the order of `Stuff`."""
    base, second = car.paint, car.second
    head_on = 0.065 + 0.075 * car.metallic
    zones = {
        Stuff.BODY: base,
        Stuff.LOWER: second if car.two_tone == "lower" else base,
        Stuff.ROOF: second if car.two_tone == "roof" else base,
        Stuff.LIDS: second if car.two_tone == "lids" else base,
        Stuff.BOX: mix(second, (0.75, 0.75, 0.74), 0.35 if car.two_tone != "roof" else 0.0),
    }
    for stuff, below in _STRIPES.items():
        zones[stuff] = car.stripe or zones[below]
    table = _FIXED | {stuff: Material(colour, head_on, 1.0) for stuff, colour in zones.items()}
    table[Stuff.BOX] = Material(zones[Stuff.BOX], 0.04, 0.35)
    table[Stuff.RIM] = Material(car.wheels.colour, 0.2, 0.8)
    table[Stuff.HEADLAMP] = Material((0.55, 0.57, 0.6), 0.3, 1.0, light=2.2 if headlamps else 0.0)
    table[Stuff.TAILLAMP] = Material(linear("b0141a"), 0.06, 0.9, light=1.6 if braking else 0.5 if headlamps else 0.0)
    for stuff, decal in zip((Stuff.DECAL_A, Stuff.DECAL_B), car.decals, strict=False):
        table[stuff] = Material(decal.colour, 0.04, 0.6)
    return tuple(table.get(stuff, Material((0.5, 0.5, 0.5))) for stuff in Stuff)
