"""Legibility says from which thumbnail on a judge reads more than by guessing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from keyhole.data import open_source, take_samples
from keyhole.data.sample import SecretLabels
from keyhole.judge.examination import judge_and_gallery
from keyhole.judge.legibility import Legibility, ReadSecret
from keyhole.judge.recovery import GLYPH_CHANCE
from keyhole.metrics.interval import share_interval

SIDES = (1, 2, 4, 8, 16)


class ColourReader:
    """Tells vehicles apart by the picture's mean colour, and reads a plate where the picture is as it was."""

    def __init__(self, pictures: Tensor, labels: list[SecretLabels]) -> None:
        self._plates = {_detail(picture): label.plate for picture, label in zip(pictures, labels, strict=True)}

    def embed(self, pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(2, 3)) - 0.5

    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        assert len(pictures) == len(corners)
        return [self._plates.get(_detail(picture), "??????") for picture in pictures]

    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        assert len(pictures) == len(boxes)
        return [{} for _ in pictures]

    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        assert len(pictures) == len(boxes)
        return [{} for _ in pictures]


def _detail(picture: Tensor) -> float:
    return round(float(picture.diff(dim=-1).abs().sum()), 3)


@pytest.fixture(scope="module")
def found() -> Legibility:
    samples = take_samples(open_source("streetcam", pool="audit", size=64, seed=0, secrets=True), 24)
    pictures = torch.stack([sample.picture for sample in samples])
    corners = ((2.0, 2.0), (60.0, 2.0), (60.0, 20.0), (2.0, 20.0))
    near = {"plate": "ABC123", "plate_corners": corners, "plate_legible": True}
    labels = [
        replace(sample.secrets, identity=str(place), **near) for place, sample in enumerate(samples) if sample.secrets
    ]
    reader = ColourReader(pictures, labels)
    gallery = {str(place): reader.embed(pictures[place : place + 1]) for place in range(len(pictures))}
    return Legibility.measure(reader, pictures, labels, gallery)


def test_each_secret_is_legible_from_a_side_of_its_own(found: Legibility) -> None:
    assert found.sides[-1] == 64
    vehicle, plate = found.secrets["vehicle"], found.secrets["plate glyphs"]
    assert vehicle.guessing == pytest.approx(1 / 24)
    assert vehicle.share(len(found.sides) - 1).value == 1.0
    assert found.legible_from("vehicle") in {1, 2}  # one colour tells it
    assert plate.guessing == pytest.approx(GLYPH_CHANCE)
    assert plate.share(len(found.sides) - 1).value == 1.0
    assert plate.share(0).value == 0.0
    assert found.legible_from("plate glyphs") == 64
    assert found.threshold == found.legible_from("vehicle")


def test_a_stored_legibility_is_read_again(found: Legibility) -> None:
    assert Legibility.from_json(found.as_json()) == found


def _rows(*hits: int, of: int = 100) -> ReadSecret:
    return ReadSecret([[1] * count + [0] * (of - count) for count in hits], [1] * of, 0.1)


def test_a_lucky_small_side_is_not_where_reading_begins() -> None:
    legibility = Legibility(SIDES, {"vehicle": _rows(10, 30, 12, 40, 90)})
    assert legibility.legible_from("vehicle") == 8
    assert legibility.threshold == 8


def test_what_is_never_read_has_no_threshold() -> None:
    legibility = Legibility(SIDES, {"driver": _rows(10, 9, 12, 8, 11)})
    assert legibility.legible_from("driver") is None
    assert legibility.legible_from("vehicle") is None  # not asked
    assert legibility.threshold is None


def test_whether_a_vehicle_is_found_is_one_question_and_its_interval_has_a_width_at_none_and_all() -> None:
    found = _rows(0, 100)
    assert (found.interval(0), found.interval(1)) == (share_interval(0, 100), share_interval(100, 100))
    assert found.interval(0)[1] > 0.03


def test_answers_about_one_picture_stand_and_fall_together() -> None:
    """Sixty glyphs right of six hundred say less where they are ten whole plates than where each is alone."""
    alone = ReadSecret([[1] * 60 + [0] * 540], [1] * 600, 0.05)
    plates = ReadSecret([[6] * 10 + [0] * 90], [6] * 100, 0.05)
    assert alone.share(0) == plates.share(0)
    tight, wide = alone.interval(0), plates.interval(0)
    assert tight is not None
    assert wide is not None
    assert wide[1] - wide[0] > 2 * (tight[1] - tight[0])


def test_pictures_that_do_not_show_it_take_no_part() -> None:
    some = ReadSecret([[1, 0, 1, 1, 1, 0, 1, 0]], [1, 0, 1, 1, 1, 0, 1, 0], 0.1)
    assert some.share(0).value == 1.0
    assert some.interval(0) == share_interval(5, 5)
    assert ReadSecret([[1, 0]], [1, 0], 0.1).interval(0) is None


def test_the_shipped_judge_finds_vehicles_again_on_thumbnails() -> None:
    samples = take_samples(open_source("streetcam", pool="audit", size=128, seed=0, secrets=True), 16)
    known = judge_and_gallery(samples)
    assert known is not None
    pictures = torch.stack([sample.picture for sample in samples])
    labels = [sample.secrets for sample in samples if sample.secrets]
    found = Legibility.measure(known[0], pictures, labels, known[1])
    side = found.legible_from("vehicle")
    assert side is not None
    assert side <= 48
    assert not found.secrets["vehicle"].better_than_guessing(0)
