"""Vehicles in numbers: what their pictures have to tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor

from keyhole.data.streetcam.draws import RGB
from keyhole.data.streetcam.identity import BODIES, Decal, DecalKind, Rack, TwoTone, Vehicle

_DECALS = 2
"""A vehicle has so many at most."""
_GAMMA = 2.2
_LEAST = 0.05
"""Numbers that spread less over the vehicles are not blown up to unit variance."""


def describe(vehicles: Sequence[Vehicle]) -> Tensor:
    """Unit vectors, N×D, of vehicles as they truly are, such as no network could have told them.

    Each number (body and trim one-hot, shape, paints, decals, wheels, lamps) has mean 0 and variance 1 over the
    vehicles before the vectors are scaled. What is not there has the middle of what could be.

    Raises:
        ValueError: fewer than two vehicles.
    """
    if len(vehicles) < 2:
        raise ValueError("descriptions tell two vehicles or more apart")
    numbers = torch.tensor([_numbers(vehicle) for vehicle in vehicles])
    spread = (numbers - numbers.mean(dim=0)) / numbers.std(dim=0).clamp_min(_LEAST)
    return torch.nn.functional.normalize(spread)


def _numbers(vehicle: Vehicle) -> list[float]:
    marks: list[Decal | None] = [*vehicle.decals, *[None] * _DECALS]
    return [
        *_one_hot(vehicle.body, BODIES),
        *vehicle.shape,
        *_seen(vehicle.paint),
        *_one_hot(vehicle.two_tone, get_args(TwoTone)),
        *_seen(vehicle.second if vehicle.two_tone != "none" else None),
        float(vehicle.stripe is not None),
        *_seen(vehicle.stripe),
        *(number for mark in marks[:_DECALS] for number in _mark(mark)),
        *_one_hot(vehicle.rack, get_args(Rack)),
        *_seen(vehicle.wheels.colour),
        vehicle.wheels.rim,
        float(vehicle.wheels.ring),
        vehicle.wheels.spokes / 10,
        *vehicle.lamps,
    ]


def _mark(mark: Decal | None) -> list[float]:
    kinds = get_args(DecalKind)
    if mark is None:
        return [*_one_hot(None, kinds), *_seen(None), 0.5, 0.5, 0.5]
    return [*_one_hot(mark.kind, kinds), *_seen(mark.colour), mark.along, mark.up, mark.size]


def _one_hot(value: Any, known: Sequence[Any]) -> list[float]:
    return [float(value == each) for each in known]


def _seen(colour: RGB | None) -> list[float]:
    """A linear colour as pictures show it; grey where there is none."""
    return [value ** (1 / _GAMMA) for value in colour] if colour else [0.5, 0.5, 0.5]
