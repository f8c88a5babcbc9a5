"""Weights as they are stored: int8, and cards of targets, judge and priors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from keyhole.judge.loading import SHIPPED as JUDGE
from keyhole.judge.loading import JudgeCard
from keyhole.priors.folder import SHIPPED as PRIORS
from keyhole.service.errors import UsageError
from keyhole.targets.catalogue import SHIPPED as TARGETS
from keyhole.targets.stored_weights import (
    CARD,
    Card,
    dequantise,
    load_card,
    load_weights,
    quantise,
    save_card,
    save_quantised,
)
from keyhole.train.prior.card import PriorCard


def test_an_error_of_at_most_half_a_step(tmp_path: Path) -> None:
    noise = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    weight = noise * torch.logspace(-3, 3, 6)[:, None, None, None]
    state = {"weight": weight, "bias": torch.randn(6), "count": torch.tensor(3), "zero": torch.zeros(2, 2)}
    save_quantised(state, tmp_path / "state.safetensors")
    stored = load_weights(tmp_path / "state.safetensors")
    assert stored.keys() == state.keys()
    steps = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((stored["weight"] - weight).abs() <= steps * 0.5001).all()
    for name in ("bias", "count", "zero"):
        assert torch.equal(stored[name], state[name])
    assert (tmp_path / "state.safetensors").stat().st_size < weight.numel() * 4


def test_what_is_stored_again_does_not_change() -> None:
    """A scale x/127 in single precision is the same when it is taken anew: 127·s/127 = s for all such s."""
    generator = torch.Generator().manual_seed(0)
    once = dequantise(quantise({"weight": torch.randn(5000, 40, generator=generator)}))["weight"]
    assert torch.equal(dequantise(quantise({"weight": once}))["weight"], once)


def test_plain_weights_pass_unchanged() -> None:
    state = {"weight": torch.randn(2, 2)}
    assert torch.equal(dequantise(state)["weight"], state["weight"])
    assert quantise(state)["weight"].dtype is torch.int8


@pytest.mark.parametrize(
    ("kind", "folder"),
    [(Card, TARGETS / "resnet18-streetcam"), (JudgeCard, JUDGE), (PriorCard, PRIORS / "streetcam")],
)
def test_a_shipped_card_is_read_and_written_again_as_it_was(kind: type[Card], folder: Path, tmp_path: Path) -> None:
    card = load_card(kind, folder)
    save_card(card, tmp_path)
    assert json.loads((tmp_path / CARD).read_text()) == json.loads((folder / CARD).read_text())
    assert not any(isinstance(value, list) for value in vars(card).values())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x", "colour": "red"}'])
def test_a_card_with_other_fields_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(UsageError, match="cannot read the card"):
        load_card(PriorCard, tmp_path)
