import math

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error

from keyhole.metrics import eq14, l2, psnr


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
