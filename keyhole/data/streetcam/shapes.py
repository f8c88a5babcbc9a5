"""Proportions of the eight kinds of body, which a vehicle's continuous shape parameters vary."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.data.streetcam.identity import Body, Vehicle

Range = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """Metres, and shares of the length (from the rear) or of the height.

    Attributes:
        length, width, height: metres.
        sill, radius: height of the underside and radius of the wheels, metres.
        belt, nose: height of the shoulder and of the bonnet's front edge, shares of the height.
        tail, roof_rear, roof_front, cowl: where the rear window begins, the roof begins and ends, the bonnet begins.
        pillars: posts between the side windows, as shares of the roof from front to rear.
        panes: how many side windows from the front are glass; the others are sheet.
        roof: width of the roof as a share of the body's width.
        axles: rear and front axle, shares of the length.
        rear_glass: whether the rear window is glass.
        cab: length of a separate cab at the front, metres; 0 where the body is one piece.
        face: how far the front bulges, metres.
    """

    length: float
    width: float
    height: float
    sill: float
    radius: float
    belt: float
    nose: float
    tail: float
    roof_rear: float
    roof_front: float
    cowl: float
    pillars: tuple[float, ...]
    panes: int
    roof: float
    axles: tuple[float, float]
    rear_glass: bool = True
    cab: float = 0.0
    face: float = 0.16


@dataclass(frozen=True)
class _Ranges:
    length: Range
    width: Range
    height: Range
    belt: Range
    nose: Range
    tail: Range
    roof_rear: Range
    roof_front: Range
    cowl: Range
    pillars: tuple[float, ...]
    panes: int = 9
    sill: float = 0.2
    radius: Range = (0.3, 0.35)
    roof: float = 0.76
    axles: tuple[float, float] = (0.18, 0.82)
    rear_glass: bool = True
    cab: Range = (0.0, 0.0)
    face: float = 0.16


_KINDS: dict[Body, _Ranges] = {
    "hatchback": _Ranges(
        (3.6, 4.15), (1.68, 1.8), (1.42, 1.58), (0.59, 0.65), (0.44, 0.52), (0.02, 0.05), (0.12, 0.2), (0.55, 0.62),
        (0.76, 0.81), (0.5,), axles=(0.16, 0.815),
    ),
    "sedan": _Ranges(
        (4.4, 4.95), (1.76, 1.88), (1.38, 1.5), (0.61, 0.66), (0.45, 0.52), (0.13, 0.2), (0.29, 0.36), (0.55, 0.6),
        (0.72, 0.76), (0.48,), roof=0.72, axles=(0.2, 0.81),
    ),
    "estate": _Ranges(
        (4.4, 4.9), (1.76, 1.86), (1.42, 1.52), (0.6, 0.65), (0.45, 0.52), (0.015, 0.04), (0.06, 0.12), (0.56, 0.6),
        (0.72, 0.76), (0.34, 0.68), roof=0.74, axles=(0.19, 0.81),
    ),
    "suv": _Ranges(
        (4.3, 4.9), (1.82, 1.96), (1.66, 1.85), (0.6, 0.65), (0.5, 0.58), (0.015, 0.04), (0.05, 0.13), (0.57, 0.62),
        (0.72, 0.77), (0.36, 0.7), sill=0.28, radius=(0.36, 0.41), roof=0.78, axles=(0.18, 0.81),
    ),
    "van": _Ranges(
        (4.9, 5.6), (1.9, 2.05), (1.95, 2.45), (0.5, 0.56), (0.4, 0.46), (0.008, 0.02), (0.02, 0.05), (0.7, 0.77),
        (0.86, 0.91), (0.22, 0.6), panes=1, sill=0.25, radius=(0.33, 0.37), roof=0.86, axles=(0.18, 0.83), face=0.2,
    ),
    "pickup": _Ranges(
        (5.0, 5.5), (1.84, 1.98), (1.72, 1.86), (0.58, 0.62), (0.5, 0.56), (0.36, 0.42), (0.4, 0.45), (0.6, 0.64),
        (0.71, 0.75), (0.5,), sill=0.32, radius=(0.37, 0.42), roof=0.76, axles=(0.19, 0.81),
    ),
    "truck": _Ranges(
        (6.2, 7.4), (2.15, 2.35), (2.45, 2.75), (0.54, 0.58), (0.5, 0.54), (0.01, 0.02), (0.03, 0.06), (0.8, 0.86),
        (0.95, 0.97), (0.7,), panes=1, sill=0.42, radius=(0.43, 0.48), roof=0.9, axles=(0.2, 0.82), rear_glass=False,
        cab=(1.9, 2.3), face=0.1,
    ),
    "bus": _Ranges(
        (7.2, 8.8), (2.3, 2.5), (2.7, 3.0), (0.44, 0.5), (0.4, 0.44), (0.004, 0.008), (0.012, 0.02), (0.95, 0.965),
        (0.985, 0.992), (0.14, 0.31, 0.48, 0.65, 0.82), sill=0.3, radius=(0.43, 0.48), roof=0.93, axles=(0.24, 0.76),
        face=0.14,
    ),
}  # fmt: skip


def shape(car: Vehicle) -> Shape:
    """The proportions of one vehicle."""
    kind = _KINDS[car.body]
    length, width, height, bonnet, rake, belt, tail, face = car.shape
    return Shape(
        length=_at(kind.length, length),
        width=_at(kind.width, width),
        height=_at(kind.height, height),
        sill=kind.sill,
        radius=_at(kind.radius, 0.5 * (height + face)),
        belt=_at(kind.belt, belt),
        nose=_at(kind.nose, bonnet),
        tail=_at(kind.tail, tail),
        roof_rear=_at(kind.roof_rear, 0.5 * tail + 0.5 * rake),
        roof_front=_at(kind.roof_front, rake),
        cowl=_at(kind.cowl, 0.6 * bonnet + 0.4 * rake),
        pillars=kind.pillars,
        panes=kind.panes,
        roof=kind.roof,
        axles=kind.axles,
        rear_glass=kind.rear_glass,
        cab=_at(kind.cab, length),
        face=kind.face * (0.8 + 0.5 * face),
    )


def _at(limits: Range, share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share
