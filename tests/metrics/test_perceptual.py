from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from scipy.signal import convolve2d
from torch import Tensor, nn

from keyhole.metrics import dss, fsim, haarpsi, lpips, mdsi, sr_sim, vsi

SIMILARITIES = [fsim, vsi, haarpsi, sr_sim, dss]
SIZES = [64, 128]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", SIMILARITIES)
def test_similarity_of_equal_pictures_is_one(metric, size, photographs):
    truth = photographs(2, size)
    assert metric(truth, truth).tolist() == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_deviation_of_equal_pictures_is_zero(size, photographs):
    truth = photographs(2, size)
    assert mdsi(truth, truth).tolist() == [0, 0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", [*SIMILARITIES, mdsi])
def test_more_noise_is_worse(metric, size, photographs, degraded):
    truth = photographs(2, size)
    values = torch.stack([metric(degraded(truth, strength), truth) for strength in (0, 0.03, 0.1, 0.3)])
    steps = values.diff(dim=0)
    assert (steps > 0).all() if metric is mdsi else (steps < 0).all()


@pytest.mark.parametrize("metric", [*SIMILARITIES, mdsi])
def test_a_picture_is_scored_alone(metric, photographs, degraded):
    truth = photographs(3, 64)
    reconstruction = degraded(truth, 0.1)
    alone = torch.cat([metric(r[None], t[None]) for r, t in zip(reconstruction, truth, strict=True)])
    assert metric(reconstruction, truth).tolist() == pytest.approx(alone.tolist(), abs=1e-5)


@pytest.mark.parametrize("metric", SIMILARITIES)
def test_similarity_is_symmetric(metric, photographs, degraded):
    truth = photographs(2, 64)
    reconstruction = degraded(truth, 0.1)
    assert torch.allclose(metric(reconstruction, truth), metric(truth, reconstruction), atol=1e-5)


def test_only_the_indices_with_colour_see_colour(photographs):
    truth = photographs(2, 64) * 0.4 + 0.3
    chroma = torch.tensor([0.114, 0, -0.299]).view(1, 3, 1, 1)
    tinted = truth + 0.5 * chroma * photographs(2, 64, seed=5)[:, :1]
    for metric in (sr_sim, dss):
        assert metric(tinted, truth).tolist() == pytest.approx([1, 1], abs=1e-4)
    for metric in (fsim, vsi, haarpsi):
        assert (metric(tinted, truth) < 0.9999).all()
    assert (mdsi(tinted, truth) > 0.01).all()


@pytest.mark.parametrize("metric", [*SIMILARITIES, mdsi])
@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_plain_pictures_have_a_score(metric, shade, photographs):
    plain = torch.full((2, 3, 64, 64), shade)
    best = 0 if metric is mdsi else 1
    assert metric(plain, plain).tolist() == pytest.approx([best, best], abs=1e-5)
    other = metric(plain, photographs(2, 64))
    assert ((other > 0) & (other < 1)).all()


@pytest.mark.parametrize(("metric", "smallest"), [(haarpsi, 16), (sr_sim, 40), (dss, 32)])
def test_pictures_that_are_too_small_are_refused(metric, smallest, photographs, degraded):
    truth = photographs(1, smallest)
    assert metric(degraded(truth, 0.1), truth).isfinite().all()
    with pytest.raises(ValueError, match=f"needs pictures of at least {smallest} pixels"):
        metric(truth[..., 1:], truth[..., 1:])


def convolve(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(…, 'same')."""
    rows, columns = (side // 2 for side in kernel.shape)
    full = convolve2d(picture, kernel)
    return full[rows : rows + picture.shape[0], columns : columns + picture.shape[1]]


def likeness(first: np.ndarray, second: np.ndarray, constant: float) -> np.ndarray:
    return (2 * first * second + constant) / (first**2 + second**2 + constant)


def reference_haarpsi(first: np.ndarray, second: np.ndarray) -> float:
    """Reisenhofer et al. 2018 with its authors' constants C = 30 and α = 4.2; pictures 3×H×W of 0…255."""
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    box = np.ones((2, 2)) / 4
    pair = [
        [convolve(channel, box)[::2, ::2] for channel in np.tensordot(yiq, picture, 1)] for picture in (first, second)
    ]

    def wavelet(scale: int) -> np.ndarray:
        kernel = np.full((2**scale, 2**scale), 2.0**-scale)
        kernel[: 2 ** (scale - 1)] *= -1
        return kernel

    similarities, weights = [], []
    for turn in (np.asarray, np.transpose):
        responses = [[np.abs(convolve(y, turn(wavelet(s)))) for s in (1, 2, 3)] for y, _, _ in pair]
        weights.append(np.maximum(responses[0][2], responses[1][2]))
        similarities.append(sum(likeness(responses[0][s], responses[1][s], 30) for s in (0, 1)) / 2)
    chroma = [[np.abs(convolve(channel, box)) for channel in channels[1:]] for channels in pair]
    similarities.append(sum(likeness(a, b, 30) for a, b in zip(*chroma, strict=True)) / 2)
    weights.append(sum(weights) / 2)
    squashed = sum((w / (1 + np.exp(-4.2 * s))).sum() for s, w in zip(similarities, weights, strict=True))
    mean = squashed / sum(w.sum() for w in weights)
    return float((np.log(mean / (1 - mean)) / 4.2) ** 2)


def reference_mdsi(distorted: np.ndarray, reference: np.ndarray) -> float:
    """Nafchi et al. 2016 with C₁ = 140, C₂ = 55, C₃ = 550 and α = 0.6; pictures 3×H×W of 0…255."""
    colours = np.array([[0.2989, 0.587, 0.114], [0.3, 0.04, -0.35], [0.34, -0.6, 0.17]])
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    (luma_d, *chroma_d), (luma_r, *chroma_r) = (np.tensordot(colours, p, 1) for p in (distorted, reference))

    def gradient(luma: np.ndarray) -> np.ndarray:
        return np.hypot(convolve(luma, prewitt), convolve(luma, prewitt.T))

    d, r, fused = gradient(luma_d), gradient(luma_r), gradient((luma_d + luma_r) / 2)
    gradients = likeness(r, d, 140) + likeness(d, fused, 55) - likeness(r, fused, 55)
    product = sum(a * b for a, b in zip(chroma_d, chroma_r, strict=True))
    squares = sum(a**2 + b**2 for a, b in zip(chroma_d, chroma_r, strict=True))
    combined = 0.6 * gradients + 0.4 * (2 * product + 550) / (squares + 550)
    root = combined.astype(complex) ** 0.25
    return float(np.abs(root - root.mean()).mean() ** 0.25)


@pytest.mark.parametrize(("metric", "reference"), [(haarpsi, reference_haarpsi), (mdsi, reference_mdsi)])
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_published_formula(metric, reference, size, photographs, degraded):
    truth = photographs(2, size)
    reconstruction = degraded(truth, 0.1)
    expected = [
        reference(255 * r.double().numpy(), 255 * t.double().numpy())
        for r, t in zip(reconstruction, truth, strict=True)
    ]
    assert metric(reconstruction, truth).tolist() == pytest.approx(expected, abs=1e-3)


CALIBRATION = Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"


def reference_lpips(layers: nn.Sequential, first: Tensor, second: Tensor) -> Tensor:
    """Zhang et al. 2018, equation 1."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    calibration = torch.load(CALIBRATION, map_location="cpu", weights_only=True)
    first, second = (((2 * picture - 1) - shift) / scale for picture in (first, second))
    total, level = torch.zeros(len(first)), 0
    for layer in layers:
        first, second = layer(first), layer(second)
        if isinstance(layer, nn.ReLU):
            units = [features / features.norm(dim=1, keepdim=True) for features in (first, second)]
            weights = calibration[f"lin{level}.model.1.weight"]
            total += (weights * (units[0] - units[1]).square()).sum(dim=1).mean(dim=(1, 2))
            level += 1
    return total


def test_lpips_equals_the_published_formula(backbone, photographs, degraded):
    truth = photographs(3, 64)
    reconstruction = degraded(truth, 0.1)
    expected = reference_lpips(backbone, reconstruction, truth)
    assert lpips(reconstruction, truth).tolist() == pytest.approx(expected.tolist(), rel=1e-3)


def test_equal_pictures_are_at_zero_and_one_picture_is_a_batch(backbone, photographs):
    truth = photographs(1, 64)
    assert lpips(truth, truth).tolist() == [0]


def test_a_picture_too_small_for_the_backbone_is_refused(backbone, photographs):
    assert lpips(photographs(1, 31), photographs(1, 31)).shape == (1,)
    with pytest.raises(ValueError, match="at least 31 pixels"):
        lpips(photographs(1, 30), photographs(1, 30))
