"""One way to read and write a card, whatever it is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyhole.judge.loading import SHIPPED as JUDGE
from keyhole.judge.loading import JudgeCard
from keyhole.priors.folder import SHIPPED as PRIORS
from keyhole.service.errors import UsageError
from keyhole.targets.card import CARD, Card, load_card, save_card
from keyhole.targets.catalogue import SHIPPED as TARGETS
from keyhole.train.prior.card import PriorCard


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
