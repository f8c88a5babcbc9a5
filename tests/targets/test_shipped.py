"""The weights in the package do what their cards say."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

import keyhole
from keyhole.data.sets.passes import Passes
from keyhole.data.streetcam.stream import Streetcam
from keyhole.targets.load import load_target
from keyhole.targets.shipped import SHIPPED, ShippedFamily
from keyhole.train.reid.parts import divide_views
from keyhole.train.reid.pictures import IdentifiedPictures
from keyhole.train.reid.trial import Trial

NAMES = ShippedFamily(SHIPPED).names()
VEHICLES, VIEWS = 12, 5


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Vehicles of the pool ``audit``, each searched for once among the other views of all."""
    drawn = Passes(Streetcam("audit", 128), VEHICLES, VIEWS)
    probes, gallery = divide_views(drawn, 1, seed=0)
    folder = tmp_path_factory.mktemp("pictures")
    return Trial(IdentifiedPictures.load(drawn, 128, workers=0, folder=folder, console=Console()), probes, gallery)


def test_all_weights_together_keep_the_repository_small() -> None:
    weights = list(Path(keyhole.__path__[0]).rglob("*.safetensors"))
    assert {SHIPPED / name / "model.safetensors" for name in NAMES} <= set(weights)
    assert sum(path.stat().st_size for path in weights) <= 48 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_each_is_what_its_card_says(name: str) -> None:
    card, target = ShippedFamily(SHIPPED).card(name), load_target(name)
    assert (card.name, target.weights, target.preprocess) == (name, "shipped", card.preprocess)
    assert target.outputs == (card.embedding or len(card.labels))
    assert card.command.startswith("keyhole train target ")
    assert card.figures


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-streetcam")])
def test_vehicles_are_found_again(name: str, trial: Trial) -> None:
    target = load_target(name)
    assert trial.figures(target.model, target.preprocess)["rank_1"] >= 75
