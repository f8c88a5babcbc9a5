from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from keyhole.v1.referee_pb2 import Outcome
from monitor.checks import RejectedError, check_outcome, check_reconstruction, check_truth
from tests.monitor.making import guess, outcome, png, truth

ESCAPES = ["", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", "-rf", ".hidden", "a\0b", "a b", "é", "a\n", "x" * 129]


@pytest.mark.parametrize("frame_id", ESCAPES)
def test_frame_ids_that_could_leave_the_folder_are_rejected(frame_id: str) -> None:
    attempts: list[Callable[[], None]] = [
        lambda: check_truth(truth(frame_id)),
        lambda: check_outcome(outcome(frame_id)),
        lambda: check_reconstruction(guess(frame_id)),
    ]
    for attempt in attempts:
        with pytest.raises(RejectedError) as rejected:
            attempt()
        assert rejected.value.field == "frame_id"
        assert "edge-0-000042" in rejected.value.reason


@pytest.mark.parametrize("attack", ["", "truth", "../x", "Pixels", "a.b", "x" * 65, "-a"])
def test_attack_names_that_could_name_another_file_are_rejected(attack: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        check_reconstruction(guess(attack=attack))
    assert rejected.value.field == "attack"


def test_ids_as_edges_make_them_are_taken() -> None:
    for frame_id in ("edge-0-000001", "shop.camera_7-12", "x" * 128):
        check_truth(truth(frame_id))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"seed": 2**63}, "seed"),
        ({"iteration": 2**64 - 1}, "iteration"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"knowledge": "x" * 129}, "knowledge"),
        ({"tap": "a\0"}, "tap"),
        ({"rung": "../x"}, "rung"),
        ({"rung": "a.b"}, "rung"),
        ({"rung": "x" * 33}, "rung"),
        ({"recipe": "Strong"}, "recipe"),
    ],
)
def test_numbers_and_texts_that_a_database_cannot_hold_are_rejected(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        check_reconstruction(guess(**fields))
    assert rejected.value.field == field


def test_stages_are_durations() -> None:
    for seconds in (float("inf"), float("nan"), -0.1):
        with pytest.raises(RejectedError, match="network"):
            check_outcome(Outcome(frame_id="a", stages={"network": seconds}))


def _encoded(image: Image.Image, form: str) -> bytes:
    page = io.BytesIO()
    image.save(page, form)
    return page.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        _encoded(Image.new("RGB", (24, 24)), "JPEG"),
        _encoded(Image.new("L", (24, 24)), "PNG"),
        _encoded(Image.new("RGB", (10, 24)), "PNG"),
        _encoded(Image.effect_noise((24, 24), 90).convert("RGB"), "PNG")[:-200],
    ],
    ids=["empty", "text", "jpeg", "grey", "narrower than the window", "cut off"],
)
def test_only_whole_rgb_pngs_are_taken(data: bytes) -> None:
    with pytest.raises(RejectedError) as rejected:
        check_truth(truth(picture=png(data)))
    assert rejected.value.field == "picture.png"
