"""Secrets as labels: where they are, and who is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from keyhole.data import open_source
from keyhole.data.streetcam.lettering import GLYPHS, glyph_middles, plate_print
from keyhole.data.streetcam.shot import DRIVER, PASSENGER, secret_labels
from keyhole.data.streetcam.stream import Streetcam


def test_a_plates_corners_go_round_within_its_box() -> None:
    source = Streetcam("audit", 64)
    shown = [shot.secrets for shot in (source.shot(place, place % 8) for place in range(16)) if shot.secrets.plate_box]
    assert shown
    for secrets in shown:
        assert secrets.plate_corners is not None
        assert secrets.plate_box is not None
        corners = np.array(secrets.plate_corners)
        box = (*corners.min(axis=0), *corners.max(axis=0))
        assert box == pytest.approx(secrets.plate_box)
        left, right = corners[[0, 3], 0].mean(), corners[[1, 2], 0].mean()
        top, bottom = corners[:2, 1].mean(), corners[2:, 1].mean()
        assert left < right
        assert top < bottom
    hidden = (source.shot(place, 18).secrets for place in range(4))
    assert all((secrets.plate_corners is None) == (secrets.plate_box is None) for secrets in hidden)


def test_an_attribute_is_one_of_its_values() -> None:
    source = Streetcam("public", 64)
    for index in range(8):
        shot = source.item(index)
        told = secret_labels(shot)
        assert told.identity == str(shot.identity)
        assert told.plate == shot.secrets.plate
        assert all(told.attributes[name] in values for name, values in (DRIVER | PASSENGER).items())
        assert (told.attributes["passenger"] == "yes") == (shot.secrets.occupants.passenger is not None)


def test_the_passengers_place_is_known_whether_it_is_taken_or_not() -> None:
    source = Streetcam("audit", 64)
    which, car, trip = source._pass(3, 0, 0)
    empty = replace(trip, people=replace(trip.people, passenger=None))
    taken = replace(trip, people=replace(trip.people, passenger=trip.people.driver))
    boxes = {source._take(car, which, one, (0.0,))[0].secrets.passenger_box for one in (empty, taken)}
    assert len(boxes) == 1


def test_glyphs_are_printed_where_their_middles_are_said_to_be() -> None:
    ink = np.asarray(plate_print("IIIIII", "round").ink)[10:66, 8:-8].sum(axis=0)
    middles = [round(296 * middle) - 8 for middle in glyph_middles()]
    assert len(middles) == GLYPHS
    for middle in middles:
        window = ink[middle - 18 : middle + 18]
        assert abs(int(window.argmax()) - 18) <= 6


def test_samples_carry_secrets_only_where_they_are_asked_for() -> None:
    for pool in ("audit", "public"):
        silent = open_source("streetcam", pool=pool, size=64, seed=1)  # type: ignore[arg-type]
        assert [sample.secrets for sample in islice(silent, 2)] == [None, None]
    told = open_source("leaves+streetcam", pool="audit", size=64, seed=1, secrets=True)
    leaf, car = islice(told, 2)
    assert leaf.secrets is None
    assert car.secrets is not None
    assert car.secrets.identity == car.label


def test_places_follow_the_size_of_the_picture() -> None:
    full = islice(iter(open_source("streetcam", pool="audit", size=128, seed=1, secrets=True)), 6)
    half = islice(iter(open_source("streetcam", pool="audit", size=96, seed=1, secrets=True)), 6)
    pairs = [(one.secrets, other.secrets) for one, other in zip(full, half, strict=True)]
    boxes = [(one.driver_box, other.driver_box) for one, other in pairs if one and other and one.driver_box]
    assert boxes
    for one, other in boxes:
        assert other == pytest.approx(tuple(0.75 * side for side in one))


def test_places_follow_what_is_cut_off() -> None:
    square = islice(iter(open_source("streetcam", pool="audit", size=128, seed=1, secrets=True)), 6)
    narrow = islice(iter(open_source("streetcam", pool="audit", size=(128, 64), seed=1, secrets=True)), 6)
    for one, other in zip(square, narrow, strict=True):
        torch.testing.assert_close(one.picture[..., 32:96], other.picture, rtol=0, atol=1.5 / 255)
        assert one.secrets is not None
        assert other.secrets is not None
        if one.secrets.driver_box:
            left, top, right, bottom = one.secrets.driver_box
            assert other.secrets.driver_box == pytest.approx((left - 32, top, right - 32, bottom))
