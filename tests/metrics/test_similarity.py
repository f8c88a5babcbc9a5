import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from skimage.measure import block_reduce
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from keyhole.metrics import eq14, l2, ms_ssim, psnr, ssim


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(3, 3, 6, 6, generator=generator), size=48, mode="bicubic")
    truth = smooth.clamp(0, 1)
    noise = torch.randn(truth.shape, generator=generator) * torch.tensor([0.01, 0.1, 0.3]).view(3, 1, 1, 1)
    return (truth + noise).clamp(0, 1), truth


def test_psnr_equals_an_independent_computation(pair):
    reconstruction, truth = pair
    expected = [
        peak_signal_noise_ratio(t.numpy(), r.numpy(), data_range=1.0)
        for r, t in zip(reconstruction, truth, strict=True)
    ]
    assert psnr(reconstruction, truth).tolist() == pytest.approx(expected, abs=1e-3)


def luminance_and_contrast(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two factors of Wang et al. 2004, equation 13, at every pixel of a channel whose borders are mirrored."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2

    def blur(channel: np.ndarray) -> np.ndarray:
        return convolve2d(np.pad(channel, 5, mode="reflect"), window, mode="valid")

    mean_1, mean_2 = blur(first), blur(second)
    variance_1, variance_2 = blur(first**2) - mean_1**2, blur(second**2) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + 0.01**2) / (mean_1**2 + mean_2**2 + 0.01**2)
    return luminance, (2 * covariance + 0.03**2) / (variance_1 + variance_2 + 0.03**2)


def reference_ssim(first: np.ndarray, second: np.ndarray) -> float:
    luminance, contrast = luminance_and_contrast(first, second)
    return float((luminance * contrast).mean())


def reference_ms_ssim(first: np.ndarray, second: np.ndarray, weights: list[float]) -> float:
    """Wang et al. 2003, equation 7, of 3×H×W pictures whose channels are averaged at each scale."""
    value = 1.0
    for scale, weight in enumerate(weights):
        if scale == len(weights) - 1:
            term = np.mean([reference_ssim(a, b) for a, b in zip(first, second, strict=True)])
        else:
            contrasts = [luminance_and_contrast(a, b)[1][5:-5, 5:-5] for a, b in zip(first, second, strict=True)]
            term = np.mean(contrasts)
        value *= max(term, 0) ** weight
        first, second = (block_reduce(picture, (1, 2, 2), np.mean) for picture in (first, second))
    return value


def test_ssim_equals_an_independent_computation(pair):
    reconstruction, truth = (pictures.double().numpy() for pictures in pair)
    expected = [
        np.mean([reference_ssim(*channels) for channels in zip(r, t, strict=True)])
        for r, t in zip(reconstruction, truth, strict=True)
    ]
    assert ssim(*pair).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("size", "weights"),
    [
        (64, [0.0448, 0.2856, 0.3001]),
        (128, [0.0448, 0.2856, 0.3001, 0.2363]),
        (176, [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]),
    ],
)
def test_ms_ssim_equals_an_independent_computation(size, weights, photographs, degraded):
    truth = photographs(2, size)
    reconstruction = degraded(truth, 0.1)
    if len(weights) < 5:
        weights = [weight / sum(weights) for weight in weights]
    expected = [
        reference_ms_ssim(r, t, weights)
        for r, t in zip(reconstruction.double().numpy(), truth.double().numpy(), strict=True)
    ]
    assert ms_ssim(reconstruction, truth).tolist() == pytest.approx(expected, abs=1e-4)


def test_pictures_too_small_for_the_window_are_refused(photographs):
    small = photographs(1, 43)
    with pytest.raises(ValueError, match="MS-SSIM needs pictures of at least 44 pixels"):
        ms_ssim(small, small)
    with pytest.raises(ValueError, match="SSIM needs pictures of at least 11 pixels"):
        ssim(small[..., :10], small[..., :10])


def test_negatives_have_no_multi_scale_similarity(photographs):
    truth = photographs(2, 64)
    assert ms_ssim(1 - truth, truth).tolist() == [0, 0]


def test_equal_pictures_are_at_the_top(pair):
    _, truth = pair
    assert ssim(truth, truth).tolist() == pytest.approx([1, 1, 1])
    assert ms_ssim(truth, truth).tolist() == pytest.approx([1, 1, 1])
    assert torch.isinf(psnr(truth, truth)).all()


def test_l2_equals_an_independent_computation(photographs, degraded):
    truth = photographs(3, 32)
    reconstruction = degraded(truth, 0.2)
    expected = [mean_squared_error(t.numpy(), r.numpy()) for r, t in zip(reconstruction, truth, strict=True)]
    assert l2(reconstruction, truth).tolist() == pytest.approx(expected, rel=1e-4)


def test_psnr_is_l2_in_decibels(photographs, degraded):
    truth = photographs(3, 32)
    reconstruction = degraded(truth, 0.2)
    assert torch.allclose(psnr(reconstruction, truth), -10 * l2(reconstruction, truth).log10(), atol=1e-4)


def test_equation_14_as_it_is_written():
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 256, (2, 2, 3, 4, 5))
    expected = [
        10 * math.log(255 / (sum(abs(int(a) - int(b)) for a, b in zip(t.flat, g.flat, strict=True)) / t.size))
        for t, g in zip(truth, guess, strict=True)
    ]
    measured = eq14(torch.tensor(guess).float() / 255, torch.tensor(truth).float() / 255)
    assert measured.tolist() == pytest.approx(expected, rel=1e-4)


def test_equal_pictures_are_at_the_ends(photographs):
    truth = photographs(2, 16)
    assert l2(truth, truth).tolist() == [0, 0]
    assert torch.isinf(eq14(truth, truth)).all()
