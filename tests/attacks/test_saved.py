"""Trained attackers in their folders: what finds them again, and what does not."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import fields, replace

import pytest
import torch

from keyhole.attacks.attacker_key import AttackerKey, recipe_text
from keyhole.attacks.base import BlackBox, Budget, RunSettings
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.prepared import PreparedRecipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import DEFAULT_TRAINING, InversionTraining, unet
from keyhole.attacks.features.training_losses import flow_matching, published_picture_loss
from keyhole.attacks.features.variables import decoder, pixels
from keyhole.attacks.registry import ATTACKS
from keyhole.attacks.saved import AttackerCard, SavedAttacker, SavedAttackers, save_attacker
from keyhole.service.errors import UsageError
from keyhole.targets.stored_weights import CARD, WEIGHTS
from tests.attacks.test_black_box import QUICK, Oracle, public
from tests.attacks.tiny import SIZE, frames, white_box
from tests.attacks.tiny import pictures as shown

RECIPE = TrainedRecipe(QUICK, pixels)
KEY = AttackerKey(
    target="tiny",
    model_hash="ab",
    source_hash="",
    preprocess="16",
    cut="stem",
    defence="none",
    mechanism_hash="",
    codec="fp32",
    looks=1,
    public="blobs",
    public_hash="cd",
    prior_hash="",
    sampling_steps=0,
    recipe=recipe_text(RECIPE),
)
WORD = "pixels-black/strong"
RUN = RunSettings(Budget(1), training=20)


def trained(recipe: TrainedRecipe = RECIPE) -> BlackBoxAttack:
    attack = recipe.make(BlackBox(Oracle(), public(), SIZE), RUN)
    attack.train(20)
    return attack


def saved(folder, attack=None, *, exact=True, key=KEY, **changed) -> SavedAttacker:
    attack = attack or trained()
    folder.mkdir(parents=True)
    known = AttackerCard(
        name=folder.name,
        attack=WORD,
        key=dataclasses.asdict(key),
        steps=20,
        queries=attack.trained.queries,
        seed=0,
        shapes=attack.trained.network.layout.shapes,
        variable=attack.variable,
        loss=0.1,
        data="blobs",
        licence="Apache-2.0",
        figures={},
        command="keyhole train attacker",
        parameters=1,
    )
    return save_attacker(replace(known, **changed), attack.trained.network, folder, exact=exact)


def inverted(attack) -> torch.Tensor:
    (estimate,) = attack.reconstruct(frames(white_box(), shown(4, seed=5)))
    return estimate.pictures


def test_a_saved_network_answers_at_once_as_the_one_that_was_trained(tmp_path):
    attack = trained()
    network = saved(tmp_path / "one", attack).load(RECIPE)

    class Never:
        def query(self, _):
            raise AssertionError("it asks the oracle")

    again = RECIPE.make(BlackBox(Never(), iter(()), SIZE), replace(RUN, trained=lambda _: network))
    with again:
        (estimate,) = again.reconstruct(frames(white_box(), shown(4, seed=5)))
    assert torch.equal(estimate.pictures, inverted(attack))
    assert (estimate.trained_before, estimate.iteration, estimate.queries) == (True, 20, attack.trained.queries)
    assert estimate.queries == 16 + 4 * 5


def test_the_queries_of_a_training_under_way_are_counted_and_not_called_earlier():
    (estimate,) = trained().reconstruct(frames(white_box(), shown(1)))
    assert (estimate.queries, estimate.trained_before) == (16 + 4 * 5, False)


def test_it_is_stored_as_int8_and_hardly_another(tmp_path):
    attack = trained()
    small, exact = saved(tmp_path / "small", attack, exact=False), saved(tmp_path / "exact", attack)
    assert (small.folder / WEIGHTS).stat().st_size < 0.6 * (exact.folder / WEIGHTS).stat().st_size
    network = small.load(RECIPE)
    again = RECIPE.make(BlackBox(Oracle(), public(), SIZE), replace(RUN, trained=lambda _: network))
    assert 0 < (inverted(again) - inverted(attack)).abs().mean() < 0.01


@pytest.mark.parametrize("name", [field.name for field in fields(AttackerKey)])
def test_whatever_differs_finds_nothing_and_is_named(tmp_path, name):
    saved(tmp_path / "store" / "one")
    store = SavedAttackers((tmp_path / "store",), None)
    assert store.sought(KEY, WORD).found is not None
    other = replace(KEY, **{name: 7 if isinstance(getattr(KEY, name), int) else "another"})
    assert other.digest != KEY.digest
    sought = store.sought(other, WORD)
    assert sought.found is None
    (reason,) = sought.refused
    assert ("recipe" if name == "recipe" else name.replace("_", " ")) in reason


def test_the_length_of_a_training_counts_where_one_is_asked_for(tmp_path):
    saved(tmp_path / "short")
    saved(tmp_path / "long", steps=90, queries=500, seed=3)
    store = SavedAttackers((tmp_path,), None)
    assert store.sought(KEY, WORD).found.card.steps == 90
    assert store.sought(KEY, WORD, steps=20).found.card.steps == 20
    assert store.sought(KEY, WORD, queries=100).found.card.steps == 20
    assert store.sought(KEY, WORD, seed=3).found.card.steps == 90
    assert store.sought(KEY, WORD, steps=21).found is None


OTHER = {
    "network": unet,
    "loss": published_picture_loss,
    "step_loss": flow_matching,
    "limit": 99,
    "epochs": 9,
    "betas": (0.1, 0.2),
    "standardise": False,
}


@pytest.mark.parametrize("name", [field.name for field in fields(InversionTraining)])
def test_every_setting_of_a_recipe_counts(name):
    value = OTHER.get(name, 77)
    assert getattr(DEFAULT_TRAINING, name) != value
    changed = replace(DEFAULT_TRAINING, **{name: value})
    assert recipe_text(TrainedRecipe(changed, pixels)) != recipe_text(TrainedRecipe(DEFAULT_TRAINING, pixels))


def test_no_two_recipes_of_the_registry_are_taken_for_each_other():
    texts = [
        recipe_text(recipe)
        for entry in ATTACKS.values()
        for recipe in entry.recipes.values()
        if isinstance(recipe, TrainedRecipe)
    ]
    assert len(set(texts)) == len(texts) > 8
    assert recipe_text(TrainedRecipe(QUICK, decoder)) != KEY.recipe


def test_what_its_card_does_not_describe_is_refused(tmp_path):
    one = saved(tmp_path / "one")
    other = saved(tmp_path / "two", trained(TrainedRecipe(replace(QUICK, learning_rate=0.1), pixels)))
    (one.folder / WEIGHTS).write_bytes((other.folder / WEIGHTS).read_bytes())
    with pytest.raises(UsageError, match=r"not the file that its card describes.*keyhole train attacker"):
        SavedAttackers((tmp_path,), None).check()
    card = json.loads((other.folder / CARD).read_text())
    with pytest.raises(UsageError, match="does not fit the network"):
        other.load(TrainedRecipe(replace(QUICK, network=unet), pixels))
    del card["key"]["codec"]
    (other.folder / CARD).write_text(json.dumps(card))
    with pytest.raises(UsageError, match="of another version"):
        SavedAttackers((other.folder,), None).sought(KEY, WORD)


def test_a_folder_without_an_attacker_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"--attackers .*nothing: no trained attacker there"):
        SavedAttackers((tmp_path / "nothing",)).check()


def test_a_training_that_goes_on_makes_what_one_in_one_go_makes():
    known = lambda: BlackBox(Oracle(), public(), SIZE)  # noqa: E731
    for recipe in (RECIPE, TrainedRecipe(replace(QUICK, epochs=8, limit=16), pixels)):
        whole = recipe.make(known(), RUN)
        whole.train(20)
        stopped, again = recipe.make(known(), RUN), recipe.make(known(), RUN)
        stopped.train(12)
        again.load_state_dict(stopped.state_dict())
        again.train(8)
        assert torch.equal(inverted(again), inverted(whole))
        assert again.trained.queries == whole.trained.queries


def test_who_has_no_prepared_network_learns_beside_the_frames():
    beside = TrainedRecipe(replace(QUICK, learning_rate=0.01), pixels)
    recipe = PreparedRecipe(replace(QUICK, epochs=5, limit=16), pixels, beside=beside)
    assert recipe_text(recipe) == recipe_text(TrainedRecipe(recipe.training, pixels))
    known = BlackBox(Oracle(), public(), SIZE)
    online = replace(RUN, training=None)
    assert recipe.make(known, online)._training == beside.training
    assert recipe.make(known, RUN)._training == recipe.training
    network = trained().trained
    sought = []
    found = replace(online, trained=lambda one: (sought.append(one), network)[1])
    assert recipe.make(known, found).trained is network
    assert sought == [recipe]
