"""Equivalent thumbnails state a leak between knowing nothing and the picture itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data import open_source, take_samples
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import SIDES, Thumbnail, ThumbnailScale, shrunk

METRICS = metrics_named(("ssim", "psnr", "mdsi"))


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    source = open_source("streetcam", pool="audit", size=64, seed=0)
    return torch.stack([sample.picture for sample in take_samples(source, 8)])


@pytest.fixture(scope="module")
def scale(pictures: Tensor) -> ThumbnailScale:
    return ThumbnailScale.measure(pictures, METRICS)


def _invented(*rows: float, pictures: int = 6) -> ThumbnailScale:
    """A scale whose pictures all score the same: 1, 2, 4 … pixels."""
    sides = tuple(2**step for step in range(len(rows)))
    return ThumbnailScale(sides[-1], sides, {"ssim": [[row] * pictures for row in rows]})


def test_a_shrunk_picture_is_what_pillow_makes_of_it(pictures: Tensor) -> None:
    levels = (pictures[0] * 255).round().to(torch.uint8)
    image = transform.to_pil_image(levels)
    by_pillow = image.resize((8, 8), Image.Resampling.BICUBIC).resize((64, 64), Image.Resampling.BICUBIC)
    ours = (shrunk(levels[None].float() / 255, 8)[0] * 255).permute(1, 2, 0).numpy()
    assert np.abs(ours - np.asarray(by_pillow, np.float32)).max() <= 2.0


def test_the_shorter_side_has_the_pixels() -> None:
    wide = torch.zeros(1, 3, 32, 64)
    wide[..., 32:] = 1.0
    two = shrunk(wide, 1)  # one row, two columns: dark, then bright
    assert two[..., 0].max() < 0.1
    assert two[..., -1].min() > 0.9


def test_a_scale_rises_from_one_pixel_to_the_picture(scale: ThumbnailScale) -> None:
    assert scale.sides == (*(side for side in SIDES if side < 64), 64)
    assert scale.count == 8
    assert scale.mean("ssim", 64) == pytest.approx(1.0)
    assert scale.mean("psnr", 64) == 100.0  # where a mean must be finite
    assert scale.mean("ssim", 1) < scale.mean("ssim", 8) < scale.mean("ssim", 32)
    assert scale.mean("mdsi", 1) > scale.mean("mdsi", 32)  # a distance


@pytest.mark.parametrize("metric", ["ssim", "psnr", "mdsi"])
@pytest.mark.parametrize("side", [8, 12, 48])
def test_a_thumbnail_is_equivalent_to_itself(scale: ThumbnailScale, metric: str, side: int) -> None:
    worst = min(scale.scores[metric][0]) if metric != "mdsi" else max(scale.scores[metric][0])
    found = scale.equivalent(metric, scale.scores[metric][scale.sides.index(side)], [worst] * 8)
    assert found.side == pytest.approx(side)
    assert found.interval == pytest.approx((side, side))  # paired: no picture is harder for the one than for the other


def test_what_the_blind_attacker_gets_is_nothing(scale: ThumbnailScale) -> None:
    blind = scale.scores["ssim"][scale.sides.index(4)]
    assert scale.equivalent("ssim", blind, blind).side == 0.0
    assert scale.equivalent("ssim", scale.scores["ssim"][0], blind).text == "nothing"
    assert scale.equivalent("ssim", scale.scores["ssim"][scale.sides.index(8)], blind).side == pytest.approx(8)


def test_the_picture_itself_is_the_end(scale: ThumbnailScale) -> None:
    found = scale.equivalent("psnr", [math.inf] * 8, [10.0] * 8)
    assert (found.side, found.text) == (64, "the picture")


def test_less_than_a_pixel_is_more_than_nothing() -> None:
    found = _invented(0.4, 0.5, 1.0).equivalent("ssim", [0.3] * 6, [0.2] * 6)
    assert (found.side, found.text) == (0.5, "<1 px")


@given(st.floats(0.41, 0.99))
def test_between_two_sides_the_logarithm_counts(leak: float) -> None:
    scale = _invented(0.4, 0.5, 0.7, 1.0)
    found = scale.equivalent("ssim", [leak] * 6, [0.1] * 6).side
    expected = 2 ** np.interp(leak, [0.4, 0.5, 0.7, 1.0], [0, 1, 2, 3])
    assert found == pytest.approx(expected)


def test_a_curve_that_dips_is_read_as_one_that_never_falls() -> None:
    scale = _invented(0.45, 0.4, 0.6, 1.0)
    assert scale.equivalent("ssim", [0.45] * 6, [0.1] * 6).side == pytest.approx(2)


def test_the_interval_holds_the_side_that_more_pictures_show() -> None:
    """Reconstructions that vary about those of 8 pixels: 95 % of small samples' intervals should hold 8."""
    rng, held = np.random.default_rng(1), 0
    rows = np.array([0.4, 0.45, 0.5, 0.6, 1.0])  # 1, 2, 4, 8, 16 px
    for _ in range(60):
        ease = rng.normal(0, 0.1, size=12)  # what makes a picture easy for all
        scale = ThumbnailScale(16, (1, 2, 4, 8, 16), {"ssim": (rows[:, None] + ease).tolist()})
        found = scale.equivalent("ssim", (0.6 + ease + rng.normal(0, 0.03, 12)).tolist(), (0.3 + ease).tolist())
        assert found.interval is not None
        held += found.interval[0] <= 8 <= found.interval[1]
        assert found.interval[1] - found.interval[0] < 4  # unpaired, ± 0.06 would reach from 3 to 10
    assert held >= 52


def test_means_without_pairs_are_compared_too(scale: ThumbnailScale) -> None:
    mean = scale.mean("ssim", 12)
    found = scale.equivalent_of_mean("ssim", mean, 0.0, (scale.mean("ssim", 8), scale.mean("ssim", 16)))
    assert found.side == pytest.approx(12)
    assert found.interval == pytest.approx((8, 16))
    distance = scale.equivalent_of_mean("mdsi", scale.mean("mdsi", 12), 1.0)
    assert distance.side == pytest.approx(12)
    assert distance.interval is None


def test_some_of_its_pictures_have_a_scale_of_their_own(scale: ThumbnailScale, pictures: Tensor) -> None:
    chosen = scale.of([5, 2])
    alone = ThumbnailScale.measure(pictures[[5, 2]], METRICS)
    assert chosen == alone
    assert scale.first(3).joined(scale.of(range(3, 8))) == scale


def test_a_stored_scale_is_read_again(scale: ThumbnailScale) -> None:
    assert ThumbnailScale.from_json(scale.as_json()) == scale


def test_scores_of_other_pictures_are_refused(scale: ThumbnailScale) -> None:
    with pytest.raises(ValueError, match="8 pictures, 3 reconstructions"):
        scale.equivalent("ssim", [0.5] * 3, [0.4] * 8)
    with pytest.raises(ValueError, match="and not vsi"):
        scale.equivalent("vsi", [0.5] * 8, [0.4] * 8)


@pytest.mark.parametrize(
    ("thumbnail", "text"),
    [
        (Thumbnail(96.0, (90.0, 128.0), 128), "96 px [90, 128]"),
        (Thumbnail(0.0, (0.0, 2.2), 128), "nothing [nothing, 2]"),
        (Thumbnail(7.6, None, 128), "8 px"),
    ],
)
def test_in_words(thumbnail: Thumbnail, text: str) -> None:
    assert thumbnail.text == text


def test_frames_of_a_clip_are_drawn_together() -> None:
    leaks, rows = np.random.default_rng(0).uniform(0.2, 0.9, 10), (0.1, 0.4, 0.7, 1.0)
    alone = _invented(*rows, pictures=10).equivalent("ssim", leaks.tolist(), [0.0] * 10)
    copies, units = np.repeat(leaks, 4).tolist(), np.repeat(range(10), 4).tolist()
    scale = _invented(*rows, pictures=40)
    together, apart = (scale.equivalent("ssim", copies, [0.0] * 40, given) for given in (units, None))
    assert together.side == pytest.approx(alone.side)
    assert together.interval == pytest.approx(alone.interval)
    assert apart.interval is not None
    assert alone.interval is not None
    assert apart.interval[1] - apart.interval[0] < 0.7 * (alone.interval[1] - alone.interval[0])
    assert scale.equivalent("ssim", copies, [0.0] * 40, [place // 10 for place in range(40)]).interval is None
