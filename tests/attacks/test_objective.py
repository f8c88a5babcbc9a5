"""The terms of the objective against sums written out."""

from __future__ import annotations

import math

import pytest
import torch

from keyhole.attacks.features.objective import (
    forgiving_variation,
    isotropic_variation,
    logarithm,
    relative_distance,
    squared_distance,
    total_variation,
)


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))


def test_total_variation_is_equation_7(noise):
    for picture, got in zip(noise, total_variation(noise), strict=True):
        total = 0.0
        for plane in picture.tolist():
            for i in range(5):
                for j in range(4):
                    if i + 1 < 5:
                        total += (plane[i + 1][j] - plane[i][j]) ** 2
                    if j + 1 < 4:
                        total += (plane[i][j + 1] - plane[i][j]) ** 2
        assert got.item() == pytest.approx(total / 20, rel=1e-5)


def test_isotropic_variation_is_the_length_of_the_gradient(noise):
    for picture, got in zip(noise, isotropic_variation(noise), strict=True):
        total = 0.0
        for plane in picture.tolist():
            for i in range(5):
                for j in range(4):
                    down = plane[i + 1][j] - plane[i][j] if i + 1 < 5 else 0.0
                    across = plane[i][j + 1] - plane[i][j] if j + 1 < 4 else 0.0
                    total += math.sqrt(down**2 + across**2 + 1e-6)
        assert got.item() == pytest.approx(total / 20, rel=1e-5)


def test_isotropic_variation_has_a_gradient_where_the_picture_is_flat():
    flat = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    isotropic_variation(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_forgiving_variation_charges_the_first_variation_in_full_and_more_of_it_less():
    steps = torch.tensor([[1e-3], [0.3], [3.0]])
    ramps = (torch.arange(8.0) * steps)[:, None, None].expand(3, 3, 8, 8)
    plain, forgiving = isotropic_variation(ramps), forgiving_variation(ramps)
    assert forgiving[0].item() == pytest.approx(plain[0].item(), rel=0.02)
    assert forgiving.tolist() == pytest.approx([0.3 * math.log(1 + value / 0.3) for value in plain.tolist()])
    shares = (forgiving / plain).tolist()
    assert shares == sorted(shares, reverse=True)


def test_distances_sum_and_average_over_live_tensors():
    ours = (torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[[3.0]], [[1.0]]]))
    theirs = (torch.tensor([[1.0, 4.0], [0.0, 2.0]]), torch.tensor([[[1.0]], [[1.0]]]))
    assert squared_distance(ours, theirs).tolist() == [8.0, 4.0]
    relative = relative_distance(ours, theirs)
    assert relative.tolist() == pytest.approx([(4 / 17 + 4 / 1) / 2, (4 / 4 + 0) / 2])
    assert logarithm(relative, torch.zeros(2)).tolist() == pytest.approx((relative + 1e-4).log().tolist())


def test_distance_to_a_frame_of_zeros_is_finite():
    zeros = (torch.zeros(1, 4),)
    assert relative_distance(zeros, zeros).isfinite().all()
    assert logarithm(relative_distance(zeros, zeros), torch.zeros(1)).isfinite().all()


def test_distances_refuse_another_number_of_tensors():
    one = (torch.zeros(1, 4),)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        squared_distance(one, one * 2)
