"""One rule says, for `keyhole attack` and for the benchmark, how much a conclusion about an attack needs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, choose
from keyhole.bench.advice.exposure import Exposure
from keyhole.bench.axes import Axes, CutTarget, LeakCell, plan_cells
from keyhole.bench.presets import PRESETS
from keyhole.evaluation.evidence import Evidence
from keyhole.evaluation.findings import _too_few
from keyhole.evaluation.scores import EvaluationRow

RECIPES = [f"{name}/{recipe}" for name, entry in ATTACKS.items() for recipe in entry.recipes]


def _row(attack: str, recipe: str, pictures: int, seeds: int) -> EvaluationRow:
    facts = {"attack": attack, "recipe": recipe}
    by_seed = {seed: [{"ssim": 0.5}] * pictures for seed in range(seeds)}
    return EvaluationRow(attack, cast("Any", SimpleNamespace(cut="layer1", alias="")), by_seed, None, facts=facts)


@pytest.mark.parametrize("word", RECIPES)
@pytest.mark.parametrize(("pictures", "seeds"), [(31, 3), (32, 1), (99, 3), (100, 1), (100, 2), (100, 3)])
def test_attack_and_benchmark_agree_on_what_is_too_few(word: str, pictures: int, seeds: int) -> None:
    attack, _, recipe = word.partition("/")
    trains = choose(word, DEFAULT_RECIPE, ATTACKS).trains
    enough = pictures >= 100 and seeds >= 3 if trains else pictures >= 32
    assert Evidence(pictures, seeds).suffices(word) == enough
    assert Exposure(word, 0.5, None, pictures, seeds).thin == (not enough)
    assert bool(_too_few(_row(attack, recipe, pictures, seeds))) == (not enough)


def test_a_white_box_that_trains_a_network_needs_seeds_whichever_way_its_recipe_was_named() -> None:
    said = "decoder-white needs 100 pictures and 3 seeds, here are 32 and 1"
    assert _too_few(_row("decoder-white", "refined", 32, 1)) == said  # by --recipe, which the word does not show
    assert _too_few(_row("decoder-white", "strong", 32, 1)) == ""


@pytest.mark.parametrize("suite", ["standard", "paper"])
def test_a_preset_has_the_pictures_and_seeds_that_a_conclusion_on_its_attacks_needs(suite: Any) -> None:
    preset = PRESETS[suite]
    axes = Axes((CutTarget("a", ("b",)),), ("none",), ("int8",), ("wifi",), preset.attacks, preset.seeds)
    seeds: dict[str, set[int]] = {}
    for cell in plan_cells(axes, only=["leak"]):
        if isinstance(cell, LeakCell) and cell.attack in preset.attacks:
            seeds.setdefault(cell.attack, set()).add(cell.seed)
    assert set(seeds) == set(preset.attacks)
    for attack, own in seeds.items():
        pictures = choose(attack, DEFAULT_RECIPE, ATTACKS).spend(suite).n
        assert Evidence(pictures, len(own)).suffices(attack), attack


def test_the_quick_preset_has_not() -> None:
    preset = PRESETS["quick"]
    for attack in preset.attacks:
        spend = choose(attack, DEFAULT_RECIPE, ATTACKS).spend("quick")
        assert not Evidence(spend.n, len(preset.seeds)).suffices(attack)
