"""Attacks through trained GANs in a tiny world: they raise their class, alone as beside others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.attacks.base import Budget
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import ClassRun, WhiteBoxClassRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.gmi import GmiRecipe
from keyhole.attacks.classes.ked_mi import KedRecipe, KedSettings
from keyhole.attacks.classes.plg_mi import PlgRecipe
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.service.errors import UsageError
from tests.attacks.tiny_classes import SIDE, white_box
from tests.attacks.tiny_generators import generators, white_box_with

WANTED = Wanted.each([0, 2, 5], 2)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> ClassWhiteBox:
    return white_box_with(generators(tmp_path_factory.mktemp("generators")))


def recalled(recipe: WhiteBoxClassRecipe, known: ClassWhiteBox, wanted: Wanted = WANTED, steps: int = 60) -> Tensor:
    *_, last = recipe.make(known, ClassRun(Budget(steps))).recall(wanted)
    assert last.final
    return last.pictures


def chances(known: ClassWhiteBox, pictures: Tensor, wanted: Wanted = WANTED) -> Tensor:
    return known.classify(pictures).logits.softmax(dim=1).gather(1, wanted.labels[:, None]).squeeze(1)


@pytest.mark.parametrize("name", ["gmi", "ked-mi", "plg-mi"])
def test_the_class_becomes_likelier_than_at_the_start(known: ClassWhiteBox, name: str) -> None:
    recipe = choose_class_attack(name).recipe
    assert isinstance(recipe, WhiteBoxClassRecipe)
    first, last = (chances(known, recalled(recipe, known, steps=steps)) for steps in (1, 60))
    assert last.mean() > first.mean() + 0.1
    assert last.log().mean() > first.log().mean()


@pytest.mark.parametrize("recipe", [GmiRecipe(), KedRecipe(), PlgRecipe()])
def test_a_picture_made_alone_is_the_one_made_beside_others(known: ClassWhiteBox, recipe: WhiteBoxClassRecipe) -> None:
    together = recalled(recipe, known, steps=6)
    assert together.shape == (len(WANTED), 3, SIDE, SIDE)
    for at in (1, 4):
        alone = recalled(recipe, known, WANTED.part([at]), steps=6)
        assert torch.allclose(alone[0], together[at], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-3)  # the same class, another number


def test_gmi_descends_the_sum_of_class_and_critic(known: ClassWhiteBox) -> None:
    """One Nesterov step from the start, written out: v = −η∇, z ← z + (1 + μ) v, within ±1."""
    gan = own_gan(known, "gan")
    z = PictureRandom(WANTED, 0, "start").normal(gan.latent).requires_grad_(True)
    made = gan.generator(z)
    assert gan.critic is not None
    loss = 100 * F.cross_entropy(known.classify(made).logits, WANTED.labels, reduction="sum") - gan.critic(made).sum()
    (gradient,) = torch.autograd.grad(loss, z)
    expected = gan.generator((z - 1.9 * 0.02 * gradient).clamp(-1, 1))
    assert torch.allclose(recalled(GmiRecipe(), known, steps=1), expected, atol=1e-4)


def test_ked_draws_the_pictures_of_a_class_from_one_gaussian(known: ClassWhiteBox) -> None:
    search = KedRecipe(KedSettings(clamp=10.0)).make(known, ClassRun(Budget(40)))
    *_, found = search.search.optimise(Wanted.each([2]))
    *_, last = search.recall(Wanted.each([2], 3))
    mean, spread = found.variable[0]
    noise = PictureRandom(Wanted.each([2], 3), 0, "show").normal(len(mean))
    expected = own_gan(known, "inversion-gan").generator(mean + (spread / 2).exp() * noise)
    assert torch.allclose(last.pictures, expected, atol=1e-5)
    assert mean.abs().max() > 0.1


def test_a_generator_of_another_size_is_refused_and_none_is_asked_for(known: ClassWhiteBox) -> None:
    with pytest.raises(UsageError, match="makes pictures of 16 pixels, and the target takes 32"):
        PlgRecipe().make(replace(known, size=32), ClassRun(Budget(1)))
    with pytest.raises(UsageError, match="kind cgan"):
        PlgRecipe().make(white_box(), ClassRun(Budget(1)))
