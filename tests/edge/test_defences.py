"""Defences by name."""

from __future__ import annotations

import pytest
import torch

from edge.defences import DEFENCES, defence_named
from keyhole.service.errors import UsageError


@pytest.mark.parametrize("name", sorted(DEFENCES))
def test_features_keep_their_number_shapes_and_types(name):
    features = (torch.randn(2, 8, 4, 4), torch.randn(2, 16, 2, 2))
    protected = defence_named(name).protect(features, torch.Generator().manual_seed(0))
    assert [(tensor.shape, tensor.dtype) for tensor in protected] == [(t.shape, t.dtype) for t in features]


def test_none_changes_nothing():
    features = (torch.randn(1, 3, 4, 4),)
    assert torch.equal(defence_named("none").protect(features, torch.Generator())[0], features[0])


def test_an_unknown_defence_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean none"):
        defence_named("nome")
