import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio

from keyhole.metrics import psnr, ssim


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


def reference_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004, equation 13, at every pixel of a channel whose borders are mirrored."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2

    def blur(channel: np.ndarray) -> np.ndarray:
        return convolve2d(np.pad(channel, 5, mode="reflect"), window, mode="valid")

    mean_1, mean_2 = blur(first), blur(second)
    variance_1, variance_2 = blur(first**2) - mean_1**2, blur(second**2) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + 0.01**2) / (mean_1**2 + mean_2**2 + 0.01**2)
    return float((luminance * (2 * covariance + 0.03**2) / (variance_1 + variance_2 + 0.03**2)).mean())


def test_ssim_equals_an_independent_computation(pair):
    reconstruction, truth = (pictures.double().numpy() for pictures in pair)
    expected = [
        np.mean([reference_ssim(*channels) for channels in zip(r, t, strict=True)])
        for r, t in zip(reconstruction, truth, strict=True)
    ]
    assert ssim(*pair).tolist() == pytest.approx(expected, abs=1e-4)


def test_equal_pictures_are_at_the_top(pair):
    _, truth = pair
    assert ssim(truth, truth).tolist() == pytest.approx([1, 1, 1])
    assert torch.isinf(psnr(truth, truth)).all()


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_pictures_are_checked_at_the_door(metric, pair):
    reconstruction, truth = pair
    with pytest.raises(ValueError, match="shapes differ"):
        metric(reconstruction[..., :-1], truth)
    with pytest.raises(ValueError, match="N×3×H×W"):
        metric(reconstruction[:, :1], truth[:, :1])
    with pytest.raises(ValueError, match="not in \\[0, 1\\]"):
        metric(reconstruction * 255, truth)
    with pytest.raises(ValueError, match="not in \\[0, 1\\]"):
        metric(torch.full_like(truth, torch.nan), truth)
