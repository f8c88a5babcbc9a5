from __future__ import annotations

import io

import grpc
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keyhole.v1 import tensor_pb2
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import MAX_PIXELS, pack_picture, unpack_picture


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_eight_bit_pictures_come_back_exactly(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randint(0, 256, (3, height, width), generator=generator).float() / 255
    assert torch.equal(unpack_picture(pack_picture(picture), field="picture"), picture)


def test_other_numbers_are_rounded() -> None:
    picture = torch.rand(3, 5, 4, dtype=torch.float64)
    again = unpack_picture(pack_picture(picture), field="picture")
    assert again.dtype == torch.float32
    assert (again - picture).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("shape", [(3, 4), (1, 4, 4), (4, 4, 3), (2, 3, 4, 4), (3, 0, 4)])
def test_other_shapes_are_no_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected 3×H×W"):
        pack_picture(torch.zeros(shape))


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0, float("nan")])
def test_numbers_outside_the_range_are_no_pictures(value: float) -> None:
    picture = torch.full((3, 2, 2), 0.5)
    picture[1, 1, 1] = value
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        pack_picture(picture)


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


GOOD = encoded(Image.new("RGB", (40, 30), (1, 2, 3)))


@pytest.mark.parametrize(
    ("png", "reason"),
    [
        (b"", "expected a PNG"),
        (b"GIF89a", "expected a PNG"),
        (GOOD[: len(GOOD) // 2], "expected a PNG"),
        (encoded(Image.new("RGB", (4, 4)), "JPEG"), "expected a PNG"),
        (encoded(Image.new("L", (4, 4))), "expected RGB, got L"),
        (encoded(Image.new("RGBA", (4, 4))), "expected RGB, got RGBA"),
        (encoded(Image.new("RGB", (1 << 14, 1 << 11))), f"expected at most {MAX_PIXELS} pixels, got 16384×2048"),
    ],
)
def test_bad_pictures_are_refused(png: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        unpack_picture(tensor_pb2.Picture(png=png), field="pictures[2]")
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.field == "pictures[2].png"
    assert reason in caught.value.reason
