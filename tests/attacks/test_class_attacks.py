"""Class attacks in a tiny world: each finds what the classifier knows, alone as beside others; rows make nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from keyhole.attacks.base import Budget
from keyhole.attacks.classes.base import ClassAccess, ClassConfidences, ClassLabels, ClassWhiteBox, Wanted
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.attacks.classes.entry import ClassEntry, ClassRun
from keyhole.attacks.classes.guided import ClassGuidance, ClassGuidedRecipe
from keyhole.attacks.classes.latent import LatentRecipe, at_random, at_the_best_liked
from keyhole.attacks.classes.registry import CLASS_ATTACKS, FLOORS, choose_class_attack, choose_class_attacks
from keyhole.generators.principal import components_of_pictures
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from tests.attacks.tiny_classes import CLASSES, SIDE, Net, blobs, public, trained, white_box
from tests.priors.tiny_priors import stable

WANTED = Wanted.each([0, 2, 5], 2)
MINE = "tests.attacks.test_class_attacks"


@pytest.fixture(scope="module")
def net() -> Net:
    return trained()


@pytest.fixture(scope="module")
def known(net: Net, tmp_path_factory: pytest.TempPathFactory) -> ClassWhiteBox:
    folder = stable(tmp_path_factory.mktemp("prior"))
    return replace(white_box(net), prior=lambda: load_prior(str(folder)))


def access(known: ClassWhiteBox) -> ClassAccess:
    facts = {name: getattr(known, name) for name in ("classes", "size", "public", "prior")}

    def no_logits() -> ClassConfidences:
        return ClassConfidences(**facts, confide=known.confide)

    def no_weights() -> ClassLabels:
        return ClassLabels(**facts, label=lambda pictures: known.classify(pictures).logits.argmax(dim=1))

    return ClassAccess(lambda: known, no_logits, no_weights, lambda: known)


def recalled(known: ClassWhiteBox, word: str, wanted: Wanted = WANTED, **run: object) -> Tensor:
    recipe = choose_class_attack(word).recipe
    steps = min(recipe.iterations, 12)
    *_, last = recipe.open(access(known), ClassRun(Budget(steps), **run)).recall(wanted)
    assert last.final
    return last.pictures


@pytest.mark.parametrize("word", ["latent", "latent/best", "latent/random", "latent/decoder", "guided", *FLOORS])
def test_a_picture_depends_on_its_class_and_number_alone(known: ClassWhiteBox, word: str) -> None:
    run = {"sampling_steps": 6} if word == "guided" else {}
    together = recalled(known, word, **run)
    assert together.shape == (len(WANTED), 3, SIDE, SIDE)
    assert together.min() >= 0
    assert together.max() <= 1
    for at in (1, 4):
        alone = recalled(known, word, WANTED.part([at]), **run)
        assert torch.allclose(alone[0], together[at], atol=1e-4)


def test_latent_is_taken_for_the_class_and_stays_among_public_pictures(known: ClassWhiteBox) -> None:
    run = ClassRun(Budget(60))
    for recipe in (LatentRecipe(), LatentRecipe(start=at_the_best_liked), LatentRecipe(start=at_random)):
        *_, last = recipe.make(known, run).recall(WANTED)
        assert (known.classify(last.pictures).logits.argmax(dim=1) == WANTED.labels).all()
    components = components_of_pictures(known.public, known.device)
    coordinates = components.variable(public())
    assert components.count <= len(public()) - 1
    assert coordinates.mean(dim=0).abs().max() < 1e-3
    assert torch.allclose(coordinates.var(dim=0), torch.ones(components.count), atol=1e-2)
    assert torch.allclose(components(coordinates), public(), atol=0.05)


def test_a_heavier_prior_keeps_coordinates_shorter(known: ClassWhiteBox) -> None:
    lengths = []
    for weight in (0.0, 2.0):
        recipe = LatentRecipe(replace(LatentRecipe().settings, prior=weight))
        *_, last = recipe.make(known, ClassRun(Budget(40))).optimise(WANTED)
        lengths.append(last.variable.square().sum(dim=1))
    assert (lengths[1] < 0.7 * lengths[0]).all()


def test_the_loss_of_a_run_takes_the_recipes_place(known: ClassWhiteBox) -> None:
    shown = {word: recalled(known, "latent", loss=word) for word in ("ce", "logit")}
    assert not torch.allclose(shown["ce"], shown["logit"], atol=1e-3)
    with pytest.raises(UsageError, match="did you mean poincare"):
        recalled(known, "latent", loss="poincar")


def test_guidance_raises_what_the_classifier_says(known: ClassWhiteBox) -> None:
    def own(rate: float) -> Tensor:
        recipe = ClassGuidedRecipe(ClassGuidance(loss="logit", steps=8, recurrences=2, rate=rate))
        *_, last = recipe.make(known, ClassRun(Budget(16))).recall(WANTED)
        return known.classify(last.pictures).logits.gather(1, WANTED.labels[:, None])

    assert (own(0.5) > own(0.0)).all()


def test_rows_show_public_pictures_by_what_they_may_know(known: ClassWhiteBox) -> None:
    pictures = public()
    chances = known.classify(pictures).logits.softmax(dim=1)
    best = recalled(known, "public-best")
    for at, (label, number) in enumerate(WANTED):
        liked = sorted(range(len(pictures)), key=lambda place, label=label: -float(chances[place, label]))
        assert torch.equal(best[at], pictures[liked[number]])
        mean = pictures[liked[:30]].mean(dim=0)
        assert torch.allclose(recalled(known, "public-mean-best")[at], mean, atol=1e-5)
    mean = recalled(known, "public-mean")
    assert torch.allclose(mean, pictures.mean(dim=0).expand_as(mean))
    for shown in recalled(known, "public-random"):
        assert any(torch.equal(shown, picture) for picture in pictures)

    def untouchable(_: Tensor) -> Tensor:
        raise AssertionError("a blind row asked the classifier")

    for word in ("public-mean", "public-random"):
        assert choose_class_attack(word).recipe.knowledge == "blind"
        recalled(replace(known, classify=untouchable), word)


def test_after_the_last_public_picture_the_best_comes_again(net: Net) -> None:
    known = white_box(net, public(3))
    shown = recalled(known, "public-best", Wanted.each([1], 4))
    assert torch.equal(shown[3], shown[0])
    assert not torch.equal(shown[1], shown[0])


def test_an_open_classifier_answers_with_its_penultimate_activations(net: Net) -> None:
    pictures = blobs(torch.tensor([1, 3]))
    answer = OpenClassifier(net, lambda shown: shown, CLASSES)(pictures)
    assert torch.equal(answer.logits, net(pictures))
    assert torch.equal(answer.features, net.features(pictures - 0.3))
    asked = pictures.clone().requires_grad_(True)
    OpenClassifier(net, lambda shown: shown, CLASSES)(asked).features.sum().backward()
    assert asked.grad is not None
    assert not any(layer._forward_pre_hooks for layer in net.modules())
    with pytest.raises(UsageError, match="no linear layer of 7 classes"):
        OpenClassifier(net, lambda shown: shown, 7)


@dataclass
class Mine:
    """Grey pictures of every class."""

    known: ClassLabels
    run: ClassRun

    knowledge = "labels"
    iterations = 3

    def recall(self, wanted: Wanted):
        *_, last = CLASS_ATTACKS["public-mean"].recipes["strong"].make(self.known, self.run).recall(wanted)
        yield replace(last, pictures=0 * last.pictures + 0.5)


class Told(Mine):
    """Pictures as grey as half of all confidences together."""

    knowledge = "confidences"

    def recall(self, wanted: Wanted):
        *_, last = super().recall(wanted)
        yield replace(last, pictures=last.pictures * self.known.confide(last.pictures).sum(dim=1)[:, None, None, None])


OWN_ENTRY = ClassEntry({"first": LatentRecipe(), "second": LatentRecipe(start=at_random)})


def test_an_attack_of_a_users_own_is_named_by_its_class(known: ClassWhiteBox) -> None:
    chosen = choose_class_attack(f"{MINE}:Mine")
    assert (chosen.recipe.knowledge, chosen.recipe.iterations) == ("labels", 3)
    assert (recalled(known, f"{MINE}:Mine") == 0.5).all()
    assert torch.allclose(recalled(known, f"{MINE}:Told"), torch.tensor(0.5))
    assert choose_class_attack(f"{MINE}:OWN_ENTRY").recipe_name == "first"
    assert choose_class_attack(f"{MINE}:OWN_ENTRY/second").recipe.start is at_random
    with pytest.raises(UsageError, match="must be a ClassEntry, or a class with `recall`"):
        choose_class_attack("tests.attacks.tiny_classes:Net")
    with pytest.raises(UsageError, match="cannot load"):
        choose_class_attack("tests.attacks.tiny_classes:Nothing")


def test_words_are_told_what_there_is() -> None:
    with pytest.raises(UsageError, match="did you mean latent"):
        choose_class_attack("latnt")
    with pytest.raises(UsageError, match="latent has strong, best, random"):
        choose_class_attack("latent/wild")
    with pytest.raises(UsageError, match="names latent/strong twice"):
        choose_class_attacks(["latent", "latent/strong"])
    words = ["latent", "latent/best", "latent/random"]
    assert [one.word for one in choose_class_attacks(words)] == words


def test_a_wanted_without_a_number_for_each_is_refused() -> None:
    with pytest.raises(ValueError, match="N labels and N numbers"):
        Wanted(torch.tensor([1, 2]), torch.tensor([0]))


def test_the_generator_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keyhole train prior --kind cgan"):
        white_box().generators("cgan")
