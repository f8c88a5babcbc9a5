from __future__ import annotations

import itertools

import pytest
import torch

from adversary.public import public_pictures
from keyhole.service.errors import UsageError


def test_crops_of_the_size_that_a_png_can_hold():
    some = list(itertools.islice(public_pictures("leaves", 24, seed=0), 4))
    for picture in some:
        assert picture.shape == (3, 24, 24)
        assert 0 <= picture.min() <= picture.max() <= 1
        assert torch.allclose(picture * 255, (picture * 255).round(), atol=1e-4)
    assert not torch.equal(some[0], some[1])


def test_the_same_for_the_same_seed():
    first, again, other = (next(public_pictures("leaves", 24, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pictures_that_are_not_there_are_refused_at_once():
    with pytest.raises(UsageError, match="--public"):
        public_pictures("/nowhere", 24, seed=0)
