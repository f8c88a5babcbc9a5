"""Defences and their settings as one word."""

from __future__ import annotations

import pytest
import torch

from keyhole.defences import defence_named, randomness, spelled
from keyhole.defences.lossy import Dropout
from keyhole.defences.noise import Gaussian
from keyhole.service.errors import UsageError


def test_a_word_makes_a_defence():
    assert defence_named("gaussian:scale=0.5") == Gaussian(scale=0.5)
    assert defence_named("dropout:rescale=True,share=.5") == Dropout(0.5, rescale=True)


@pytest.mark.parametrize(
    ("spec", "spelling"),
    [
        ("none", "none"),
        ("gaussian:scale=.50", "gaussian:scale=0.5"),
        ("dropout:rescale=true,share=0.1", "dropout:share=0.1,rescale=true"),
        ("keyhole.defences.lossy:TopK:share=.10", "keyhole.defences.lossy:TopK:share=0.1"),
        ("keyhole.defences.base:NoDefence", "keyhole.defences.base:NoDefence"),
    ],
)
def test_each_has_one_spelling(spec, spelling):
    assert spelled(spec) == spelling
    assert defence_named(spelling) == defence_named(spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nome", "did you mean none"),
        ("gausian:scale=1", "did you mean gaussian"),
        ("gaussian", "exactly one of the settings scale, absolute and snr; got none"),
        ("gaussian:scale=1,snr=3", "got scale, snr"),
        ("gaussian:scale=-1", "scale=-1.0: expected a finite number, 0 or more"),
        ("laplace:snr=nan", "expected a finite number"),
        ("gaussian:sigma=1", r"no setting 'sigma'.*settings of gaussian: scale \(float \| None\), absolute"),
        ("gaussian:scale", "no setting 'scale' with a value"),
        ("gaussian:scale=loud", "scale=loud is no float"),
        ("topk", r"a setting is missing; settings of topk: share \(float\)"),
        ("topk:share=0", "share=0.0: expected more than 0 and at most 1"),
        ("dropout:share=1", "share=1.0: expected more than 0 and at most 0.999"),
        ("dropout:share=0.1,rescale=2", "rescale=2 is no bool"),
        ("int8:bits=4", "int8 has no settings"),
        ("no.such:Thing", "cannot load the defence 'no.such:Thing'"),
        ("keyhole.defences:spelled", "expected a dataclass"),
        ("keyhole.attacks.base:Estimate", r"expected a dataclass that inherits from keyhole\.defences\.Defence"),
    ],
)
def test_what_is_wrong_is_said(spec, message):
    with pytest.raises(UsageError, match=message):
        defence_named(spec)


def test_roles_draw_numbers_of_their_own():
    numbers = [torch.rand(4, generator=randomness(*who)) for who in ((0, "edge"), (0, "oracle"), (1, "edge"))]
    assert len({tuple(row.tolist()) for row in numbers}) == 3
    assert torch.equal(numbers[0], torch.rand(4, generator=randomness(0, "edge")))
