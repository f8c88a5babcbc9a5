from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from keyhole.data.streetcam.identity import vehicle
from keyhole.train.judge.description import describe

CARS = [vehicle(0, number) for number in range(40)]


def test_descriptions_are_unit_vectors_of_what_is_to_be_seen() -> None:
    made = describe([*CARS, replace(CARS[3], identity=99, damage=())])
    torch.testing.assert_close(made.norm(dim=1), torch.ones(41))
    assert torch.equal(made[3], made[40])


def test_vehicles_that_differ_little_are_described_alike() -> None:
    car = CARS[0]
    other_wheels = replace(car, wheels=replace(car.wheels, spokes=car.wheels.spokes + 4))
    other_paint = replace(car, paint=tuple(0.9 - value for value in car.paint))  # type: ignore[arg-type]
    made = describe([*CARS, other_wheels, other_paint])
    wheels, paint = (float(made[0] @ made[place]) for place in (40, 41))
    strangers = made[1:40] @ made[0]
    assert 1 > wheels > paint > strangers.mean()


def test_every_trim_can_be_described() -> None:
    marked = next(car for car in CARS if car.decals)
    trims = [
        replace(marked, decals=marks, stripe=stripe) for marks in ((), marked.decals) for stripe in (None, (1, 0, 0))
    ]
    made = describe(trims)
    assert made.isfinite().all()
    assert len({tuple(each.tolist()) for each in made}) == 4


def test_one_vehicle_alone_has_no_description() -> None:
    with pytest.raises(ValueError, match="two vehicles"):
        describe(CARS[:1])
