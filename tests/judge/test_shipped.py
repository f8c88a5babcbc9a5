"""The judge in the package reads what its card says."""

from __future__ import annotations

import pytest

from keyhole.judge.card import read_judge_card
from keyhole.judge.find import SHIPPED, find_judge
from keyhole.targets.card import WEIGHTS
from keyhole.train.judge.command import judge_figures


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    """On vehicles that are not those of the card."""
    judge = find_judge()
    assert judge
    return judge_figures(judge, vehicles=8, seed=77)


def test_it_reads_plates_and_people_of_clean_pictures(figures: dict[str, float]) -> None:
    assert figures["glyphs"] >= 100
    assert figures["glyph_accuracy"] >= 0.9
    for name in ("hat", "glasses", "passenger"):
        assert figures[f"{name}_accuracy"] > figures[f"{name}_majority"]


def test_it_tells_vehicles_apart(figures: dict[str, float]) -> None:
    assert figures["identity_rank_1"] >= 0.7


def test_its_card_says_how_it_was_made_and_it_is_small() -> None:
    card = read_judge_card(SHIPPED)
    assert card.command.startswith("keyhole train judge ")
    assert card.figures["glyph_accuracy"] >= 0.95
    assert (SHIPPED / WEIGHTS).stat().st_size <= 3 * 2**20
