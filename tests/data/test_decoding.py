"""Pictures are read by the values that their files hold."""

from __future__ import annotations

import io
import struct
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from torchvision.transforms.v2 import functional as transform

from keyhole.data.decoding import FORMATS, SUFFIXES, UnreadableError, decode, resize_and_crop

RAMP = np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0)


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def tiff(bits: int, photometric: int, data: bytes, width: int, sample_format: int = 1) -> bytes:
    """A grey TIFF of one row, little-endian, without compression."""
    tags = {
        256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 1, 279: len(data),
        339: sample_format,
    }  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags)) + table + b"\0" * 4


def grey(values: object) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.uint8)).expand(3, -1, -1)


SIXTEEN = RAMP.astype(np.uint16) * 257
PALETTE = Image.fromarray(RAMP // 128 * 40).convert("P")
SEE_THROUGH = Image.merge("RGBA", [Image.fromarray(RAMP)] * 3 + [Image.fromarray(RAMP // 128 * 255)])
ON_WHITE = np.where(RAMP < 128, 255, RAMP)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(Image.fromarray(RAMP > 127)), (RAMP > 127) * 255),
        (encoded(Image.fromarray(RAMP)), RAMP),
        (encoded(Image.fromarray(SIXTEEN)), RAMP),
        (encoded(Image.fromarray(SIXTEEN), "TIFF"), RAMP),
        (encoded(Image.fromarray(SIXTEEN.astype(">u2")), "TIFF"), RAMP),
        (encoded(Image.fromarray(SIXTEEN), "PPM"), RAMP),
        (b"P5 2 1 1023\n" + struct.pack(">2H", 1023, 512), [[255, 128]]),
        (b"P5 2 1 100\n" + bytes([100, 50]), [[255, 128]]),
        (tiff(16, 1, struct.pack("<2H", 0, 65535), 2), [[0, 255]]),
        (tiff(16, 0, struct.pack("<2H", 0, 65535), 2), [[255, 0]]),
        (tiff(12, 1, bytes([0xFF, 0xF8, 0x00]), 2), [[255, 128]]),
        (encoded(Image.fromarray(RAMP.astype(np.float32) / 255), "TIFF"), RAMP),
        (b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 0.2, 1), [[51, 255]]),
        (encoded(Image.fromarray(RAMP).convert("CMYK"), "TIFF"), RAMP),
        (encoded(PALETTE), RAMP // 128 * 40),
        (encoded(PALETTE, transparency=40), np.where(RAMP < 128, 0, 255)),
        (encoded(SEE_THROUGH), ON_WHITE),
        (encoded(SEE_THROUGH.convert("LA")), ON_WHITE),
        (encoded(SEE_THROUGH.convert("PA"), "TIFF"), ON_WHITE),
        (encoded(Image.fromarray(RAMP), transparency=7), np.where(RAMP == 7, 255, RAMP)),
    ],
)  # fmt: skip
def test_every_mode_is_read_by_value(data: bytes, expected: object) -> None:
    assert torch.equal(decode(data), grey(expected))


def test_colours_keep_their_places_and_deep_ones_their_values() -> None:
    colours = np.array([[[255, 0, 10], [0, 200, 30]]], dtype=np.uint8)
    assert torch.equal(decode(encoded(Image.fromarray(colours))), torch.from_numpy(colours).permute(2, 0, 1))
    deep = struct.pack(">3H", 65535, 0, 257 * 10)
    assert decode(b"P6 1 1 65535\n" + deep).flatten().tolist() == [255, 0, 10]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read(form: str) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    picture = Image.new("RGB", (16, 16), (200, 60, 20))
    options = {"quality": 100} if form in ("AVIF", "JPEG", "MPO", "WEBP") else {}
    read = decode(encoded(picture, form, **options)).float()
    assert read.shape == (3, 16, 16)
    assert (read.mean(dim=(1, 2)) - torch.tensor([200.0, 60, 20])).abs().max() < 5


def test_suffixes_are_those_of_the_formats() -> None:
    Image.init()
    known = {suffix for suffix, form in Image.registered_extensions().items() if form in FORMATS}
    assert known - {".mpeg", ".mpg"} <= SUFFIXES
    assert {".jpg", ".jpeg", ".png", ".tif", ".webp", ".avif", ".jfif", ".gif", ".ppm", ".pgm"} <= SUFFIXES
    assert not {".eps", ".pdf", ".txt", ".svg"} & SUFFIXES


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(orientation: int) -> None:
    upright = torch.tensor([[0, 60, 120], [180, 240, 30]], dtype=torch.uint8)
    stored = {
        1: upright, 2: upright.flip(1), 3: upright.flip(0, 1), 4: upright.flip(0), 5: upright.T,
        6: upright.rot90(1), 7: upright.flip(0, 1).T, 8: upright.rot90(-1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    for form in ("PNG", "TIFF"):
        data = encoded(Image.fromarray(stored.contiguous().numpy()), form, exif=exif)
        assert torch.equal(decode(data)[0], upright)


def test_of_several_frames_the_first_is_read() -> None:
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    for form in ("GIF", "TIFF", "PNG"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert torch.equal(decode(data), grey(np.full((4, 4), 10)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><title>404</title>", "not a picture .* starts with b'<!DOCTYPE html"),
        (encoded(Image.effect_noise((64, 64), 90))[:-200], "damaged"),
        (encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-200], "damaged: .*truncated"),
        (encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF"), "32-bit integers"),
        (encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "floats from 0 to 255"),
        (encoded(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF"), "floats from nan"),
        (encoded(Image.new("RGBA", (2, 2))), "every pixel is transparent"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        decode(data)


def test_a_picture_is_refused_by_its_declared_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("L", (20, 30)))
    assert decode(data, max_pixels=600).shape == (3, 30, 20)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableError, match="20×30 pixels: at most 599"):
        decode(data, max_pixels=599)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged EXIF and TIFF
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "PPM", "TGA", "WEBP"]), st.data())
def test_damaged_bytes_are_a_picture_or_refused(form: str, draw: st.DataObject) -> None:
    data = bytearray(encoded(Image.fromarray(RAMP[:, :24]).convert("RGB"), form))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(data[: draw.draw(st.integers(1, len(data)))]), max_pixels=2**16)
    except UnreadableError:
        return
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3


@pytest.mark.parametrize(("height", "width"), [(4, 9000), (9000, 4), (16, 40), (30, 20)])
def test_a_narrow_picture_is_fitted_by_its_middle(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    enlarged = Mock(wraps=transform.resize)
    monkeypatch.setattr(transform, "resize", enlarged)
    across = torch.linspace(0, 255, max(height, width)).round().to(torch.uint8)
    picture = (across[None, :] if width > height else across[:, None]).expand(3, height, width)
    fitted = resize_and_crop(picture, 16)
    assert fitted.shape == (3, 16, 16)
    assert float(fitted.mean()) == pytest.approx(0.5, abs=0.02)
    assert max(enlarged.call_args.args[0].shape) <= 2 * min(height, width)
