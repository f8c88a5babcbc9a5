"""The embedded world's stream: the same everywhere, disjoint pools, honest labels."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from keyhole.data.streetcam.camera import CAMERAS, SCENES, VIEWPOINTS, camera
from keyhole.data.streetcam.identity import BODIES, vehicle
from keyhole.data.streetcam.lettering import ALPHABET
from keyhole.data.streetcam.light import WEATHERS
from keyhole.data.streetcam.passage import _BODIES, _PLACES
from keyhole.data.streetcam.pools import POOLS, identity_range, style
from keyhole.data.streetcam.stream import SIZES, Streetcam

GOLDEN = "2f458738702df4c6"

_OTHER_PROCESS = """
import hashlib
from keyhole.data.streetcam.stream import Streetcam
source = Streetcam("audit", 64, seed=3)
shots = {index: source.item(index) for index in (4, 2, 0)}
parts = [shots[i].picture.tobytes() + repr(shots[i].secrets).encode() for i in (0, 4)]
print(hashlib.sha256(b"".join(parts)).hexdigest())
"""


def test_pictures_are_the_same_on_every_machine() -> None:
    digest = hashlib.sha256()
    for pool in POOLS:
        source = Streetcam(pool, 64, seed=7)
        for index in range(6):
            digest.update(source.item(index).picture.tobytes())
    assert digest.hexdigest()[:16] == GOLDEN


def test_pictures_do_not_depend_on_process_or_order() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "17"}
    command = [sys.executable, "-c", _OTHER_PROCESS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    source = Streetcam("audit", 64, seed=3)
    here = [source.item(index) for index in (0, 4)]
    digest = hashlib.sha256(b"".join(shot.picture.tobytes() + repr(shot.secrets).encode() for shot in here))
    assert done.stdout.strip() == digest.hexdigest()


def test_pools_share_no_vehicle() -> None:
    ranges = [identity_range(pool) for pool in POOLS]
    for first, second in pairwise(ranges):
        assert first.stop <= second.start
    assert all(len(numbers) > 1_000_000 for numbers in ranges)
    for pool in POOLS:
        source = Streetcam(pool, 64)
        assert all(source.item(index).identity in identity_range(pool) for index in range(3))


def test_vehicles_are_distinct_but_some_look_alike() -> None:
    cars = [vehicle(0, number) for number in range(5_000)]
    looks = {
        (c.body, c.shape, c.paint, c.wheels, c.decals, c.damage, c.rack, c.two_tone, c.stripe, c.lamps) for c in cars
    }
    assert len(looks) == len(cars)
    assert {car.body for car in cars} == set(BODIES)
    alike = sum(
        a.body == b.body and a.lamps == b.lamps and max(abs(p - q) for p, q in zip(a.paint, b.paint, strict=True)) < 0.1
        for a, b in pairwise(cars)
    )
    assert 100 < alike < 2_500


def test_worlds_and_seeds_differ() -> None:
    assert vehicle(0, 5) != vehicle(1, 5)
    first, second = Streetcam("public", 64, seed=0).item(0), Streetcam("public", 64, seed=1).item(0)
    assert (first.picture != second.picture).any()


def test_cameras_cover_all_viewpoints_and_scenes() -> None:
    for cameras in ("home", "abroad"):
        hung = [camera(0, cameras, number) for number in range(CAMERAS)]
        assert {(c.viewpoint, c.framing) for c in hung} == {
            (v, f) for v in VIEWPOINTS for f in ("near", "middle", "far")
        }
        assert {c.scene for c in hung} == set(SCENES)
    assert camera(0, "home", 3) != camera(0, "abroad", 3)


def test_shifted_pool_has_its_own_look() -> None:
    home, shifted = style("public"), style("public-shifted")
    assert home.cameras != shifted.cameras
    assert home.palette != shifted.palette
    assert home.glyphs != shifted.glyphs
    assert style("private-train") == style("private-test") == style("audit") == home


@pytest.mark.parametrize("size", SIZES)
def test_sizes(size: int) -> None:
    picture = Streetcam("audit", size).item(1).picture
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10


def test_sizes_show_the_same_scene() -> None:
    small, large = (Streetcam("audit", size, seed=2).item(3) for size in (64, 128))
    assert small.secrets.plate == large.secrets.plate
    assert small.caption == large.caption
    halved = large.picture.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small.picture).mean() < 14


def test_wrong_arguments_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        Streetcam("audit", 100)
    with pytest.raises(ValueError, match="expected one of private-train"):
        Streetcam("secret", 64)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected 1"):
        Streetcam("audit", 64, identities=0)


def test_samples_are_eight_bit_and_labelled_with_the_identity() -> None:
    source = Streetcam("public", 64, identities=4)
    first = list(islice(source, 3))
    for index, sample in enumerate(first):
        assert sample.picture.shape == (3, 64, 64)
        assert sample.picture.dtype == torch.float32
        assert torch.equal(sample.picture, (sample.picture * 255).round() / 255)
        assert sample.label == str(source.item(index).identity)
        assert int(sample.label) in range(identity_range("public").start, identity_range("public").start + 4)


def test_shots_of_a_vehicle_come_from_different_cameras() -> None:
    shots = list(Streetcam("private-test", 64).shots_of(11, 8))
    assert {shot.identity for shot in shots} == {identity_range("private-test")[11]}
    assert [shot.viewpoint for shot in shots] == list(VIEWPOINTS)
    assert len({shot.secrets.plate for shot in shots}) == 8


def test_a_clip_is_smooth() -> None:
    source = Streetcam("audit", 64)
    for number in (1, 10, 20):
        frames = [shot.picture.astype(float) for shot in source.clip(3, 5, number)]
        steps = [np.abs(a - b).mean() for a, b in pairwise(frames)]
        other = np.abs(frames[0] - source.shot(40, (number + 7) % CAMERAS).picture).mean()
        assert max(steps) < 0.5 * other
        assert np.abs(frames[0] - frames[-1]).mean() > 0.5


def test_captions_tell_scene_and_body_and_no_secret() -> None:
    source = Streetcam("audit", 64)
    for index in range(12):
        shot = source.item(index)
        car = vehicle(0, shot.identity)
        assert _BODIES.get(car.body, car.body) in shot.caption
        assert any(place in shot.caption for scene, place in _PLACES.items() if scene == shot.scene)
        assert shot.viewpoint in shot.caption
        assert car.colour in shot.caption
        assert shot.weather in WEATHERS
        assert shot.secrets.plate not in shot.caption
        assert "secret" not in shot.caption


def test_secrets_are_well_formed() -> None:
    source = Streetcam("audit", 64)
    signs = set()
    for index in range(24):
        secrets = source.item(index).secrets
        assert len(secrets.plate) == 6
        assert set(secrets.plate) <= set(ALPHABET)
        assert secrets.occupants.driver.glasses in ("none", "clear", "dark")
        signs.add(secrets.sign is None)
        assert secrets.sign_box is None or secrets.sign is not None
    assert signs == {True, False}


def test_near_plates_are_legible_and_drawn() -> None:
    source = Streetcam("audit", 128)
    front_and_rear = [number for number in range(8) if VIEWPOINTS[number] not in ("left", "right")]
    shots = [source.shot(place, number, place) for place in range(4) for number in front_and_rear]
    legible = [shot for shot in shots if shot.secrets.plate_legible]
    assert len(legible) >= 0.6 * len(shots)
    for shot in legible:
        assert shot.secrets.plate_box is not None
        left, top, right, bottom = (round(value) for value in shot.secrets.plate_box)
        plate = shot.picture[top:bottom, left:right].astype(float).mean(axis=2)
        assert plate.std() > 12


def test_a_plate_changes_the_picture_only_where_it_hangs() -> None:
    source = Streetcam("audit", 128)
    which, car, trip = source._pass(2, 0, 0)
    first, second = (source._take(car, which, replace(trip, plate=text), (0.0,))[0] for text in ("AAAAAA", "818181"))
    changed = np.abs(first.picture.astype(int) - second.picture.astype(int)).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert first.secrets.plate_box is not None
    left, top, right, bottom = first.secrets.plate_box
    assert len(rows) > 30
    assert top - 6 <= rows.min() <= rows.max() <= bottom + 6
    assert left - 6 <= columns.min() <= columns.max() <= right + 6
