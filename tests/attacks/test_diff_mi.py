"""Diff-MI in a tiny world: its equations written out, and what it reaches."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from keyhole.attacks.base import Budget, Watch
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.diff_mi import SETTINGS, DiffMi, DiffMiRecipe
from keyhole.attacks.classes.entry import ClassRun
from keyhole.attacks.classes.iterative import GradientLeash, LatentPictures, PriorTerm, course
from keyhole.attacks.classes.pgd import AroundPictures, Pgd, descend
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.attacks.classes.search import ClassSearch, Moment, Optimiser, SearchObjective
from keyhole.priors.conditional import load_conditional
from tests.attacks.tiny_classes import SIDE, public, white_box
from tests.attacks.tiny_generators import generators, white_box_with
from tests.train.test_conditional import TINY

WANTED = Wanted.each([0, 2, 5], 2)
RUN = ClassRun(Budget(12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = {**TINY, "steps": 150, "unet_steps": 60, "learning_rate": 1e-2, "unet_learning_rate": 5e-3, "every": 500}
    find = generators(tmp_path_factory.mktemp("generators"), cdm=flags)
    return find("cdm")


@pytest.fixture(scope="module")
def known(folder: Path) -> ClassWhiteBox:
    return white_box_with(lambda _: folder)


def attack(known: ClassWhiteBox, word: str = "diff-mi", run: ClassRun = RUN) -> DiffMi:
    recipe = choose_class_attack(word).recipe
    assert isinstance(recipe, DiffMiRecipe)
    return recipe.make(known, run)


def last(made: DiffMi, wanted: Wanted = WANTED) -> Tensor:
    *_, final = made.recall(wanted)
    assert final.final
    return final.pictures


def chances(known: ClassWhiteBox, pictures: Tensor, wanted: Wanted = WANTED) -> Tensor:
    return known.classify(pictures).logits.softmax(dim=1).gather(1, wanted.labels[:, None]).squeeze(1)


def test_the_course_of_t_is_that_of_the_paper_s_code() -> None:
    assert course(0, 30) == 1000
    found = [course(i, 30) for i in range(30)]
    expected = [((30 - i) / 1.5 + (30 - i) / 3 * math.cos(3 / (10 * math.pi) * i)) / 30 * 800 + 200 for i in range(30)]
    assert found == pytest.approx(expected)
    assert 200 < found[-1] < 230
    assert all(200 <= t <= 1000 for t in found)


def test_the_class_becomes_likelier_than_at_the_start(known: ClassWhiteBox) -> None:
    made = attack(known)
    noise = LatentPictures(made.prior)
    start = noise(noise.start(WANTED, PictureRandom(WANTED, 0, "start")), WANTED.labels, PictureRandom(WANTED, 0))
    reached = chances(known, last(made))
    assert reached.mean() > chances(known, start).mean() + 0.2


def test_a_picture_made_alone_is_the_one_made_beside_others(known: ClassWhiteBox) -> None:
    run = ClassRun(Budget(4))
    together = last(attack(known, run=run))
    assert together.shape == (len(WANTED), 3, SIDE, SIDE)
    assert 0 <= float(together.min()) <= float(together.max()) <= 1
    for at in (1, 4):
        alone = last(attack(known, run=run), WANTED.part([at]))
        assert torch.allclose(alone[0], together[at], atol=1e-3)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_each_part_that_is_left_out_changes_the_pictures(known: ClassWhiteBox, folder: Path) -> None:
    whole = last(attack(known))
    for name in ("no-tuning", "no-pgd", "ce", "max-margin"):
        assert not torch.allclose(last(attack(known, f"diff-mi/{name}")), whole, atol=1e-3), name
    before_pgd, labels = last(attack(known, "diff-mi/no-pgd")), WANTED.labels
    assert ((whole - before_pgd).flatten(1).norm(dim=1) <= 0.5 + 1e-4).all()
    assert (chances(known, whole) > chances(known, before_pgd) - 1e-4).all()
    tuned, untuned = (load_conditional(folder, tuned=flag) for flag in (True, False))
    names = {
        name.rpartition(".")[0]
        for (name, one), other in zip(
            tuned.denoiser.network.named_parameters(), untuned.denoiser.network.parameters(), strict=True
        )
        if not torch.equal(one, other)
    }
    assert names == {"class_embedding", *tuned.card.tuned}
    assert len(labels) == len(whole)


def test_the_prior_term_is_eq_5(known: ClassWhiteBox) -> None:
    prior = attack(known).prior
    variable = torch.randn(len(WANTED), *prior.card.latent)
    random, again = (PictureRandom(WANTED, 3, "term") for _ in range(2))
    term = PriorTerm(prior, 30, 3.0)(Moment(variable, WANTED.labels, lambda made: made, 10 / 30, random))
    times = int(course(10, 30)) + again.below(101) - 50
    noise = again.normal(*prior.card.latent)
    alphas, none = prior.denoiser.schedule.alphas_cumprod, torch.tensor([prior.card.classes])
    for at, (label, time) in enumerate(zip(WANTED.labels, times, strict=True)):
        a = alphas[time]
        noisy = (a.sqrt() * variable[at] + (1 - a).sqrt() * noise[at])[None]
        answers = [
            prior.denoiser.network(noisy, time[None], class_labels=given).sample for given in (label[None], none)
        ]
        velocity = 3 * answers[0] - 2 * answers[1]
        epsilon = a.sqrt() * velocity + (1 - a).sqrt() * noisy
        assert float(term[at]) == pytest.approx(float((epsilon[0] - noise[at]).square().mean()), rel=1e-3)


def test_the_end_is_sampled_at_the_times_of_the_paper_s_code(known: ClassWhiteBox) -> None:
    """It noises to 150 of 1,000 timesteps and takes every tenth from there, with a label and without."""
    made, seen = attack(known, "diff-mi/no-pgd", ClassRun(Budget(1))), list[int]()
    hook = made.prior.denoiser.network.register_forward_pre_hook(lambda _, given: seen.extend(set(given[1].tolist())))
    last(made, Wanted.each([1]))
    hook.remove()
    assert len(made.prior.denoiser.schedule.alphas_cumprod) == 1000
    assert seen[2::2] == list(range(150, 0, -10))
    assert len(seen) == 2 * (1 + 15)


def test_the_classs_gradient_is_held_to_the_priors_length_picture_by_picture() -> None:
    leash = GradientLeash(1.25)
    first, second = torch.tensor([[3.0, 4.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    assert torch.equal(leash.follow(first), first)
    assert torch.equal(leash.follow(second), second)
    lengths = torch.tensor([0.5 * 5 + 0.5 * 1, 0.5 * 1 + 0.5 * 3])
    held = leash.hold(torch.tensor([[100.0, 0.0], [0.0, 0.1]]))
    assert torch.allclose(held, torch.tensor([[1.25 * float(lengths[0]), 0.0], [0.0, 0.1]]))


def test_one_adamax_is_moved_by_both_in_turn() -> None:
    """Written out: one running mean and one largest gradient for the gradients 1, −3, 1, −3."""

    class Line:
        def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
            return torch.zeros(len(wanted), 3, 1, 1)

        def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
            return variable

    optimiser = Optimiser("adamax", 0.1)
    objectives = [
        SearchObjective([lambda moment, factor=factor: factor * moment.variable.sum((1, 2, 3))], optimiser)
        for factor in (1.0, -3.0)
    ]
    *_, found = ClassSearch(Line(), objectives, ClassRun(Budget(2)), one_optimiser=True).optimise(Wanted.each([0]))
    x = mean = largest = 0.0
    for step, gradient in enumerate((1.0, -3.0, 1.0, -3.0), start=1):
        mean = 0.9 * mean + 0.1 * gradient
        largest = max(0.999 * largest, abs(gradient))
        x -= 0.1 / (1 - 0.9**step) * mean / largest
    assert torch.allclose(found.variable, torch.full((1, 3, 1, 1), x), atol=1e-5)


def test_pgd_stays_on_the_ball_and_among_pictures_and_keeps_the_best() -> None:
    known, wanted = white_box(), Wanted.each([0, 3], 3)
    pictures = public(6)
    how = Pgd(radius=0.5, step=0.1, iterations=10)
    made = descend(pictures, wanted, known, how, RUN)
    change = made - pictures
    assert (change.flatten(1).norm(dim=1) <= 0.5 + 1e-5).all()
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert (chances(known, made, wanted) > chances(known, pictures, wanted)).all()
    around = AroundPictures(torch.full((1, 3, 2, 2), 0.9), 0.5)
    far = around.projected(torch.full((1, 3, 2, 2), 1.0), torch.zeros(1))
    assert torch.allclose(far, torch.full((1, 3, 2, 2), 0.1))  # 0.5/√12 = 0.144 on the ball, 0.1 to white
    back = around.projected(torch.full((1, 3, 2, 2), -1.0), torch.zeros(1))
    assert torch.allclose(back, torch.full((1, 3, 2, 2), -0.5 / math.sqrt(12)), atol=1e-6)
    start = around.start(Wanted.each([0]), PictureRandom(Wanted.each([0]), 0))
    assert float(start.norm()) <= 0.5 + 1e-6


def test_it_shows_what_it_has_on_the_way(known: ClassWhiteBox) -> None:
    made = attack(known, run=ClassRun(Budget(3), watch=Watch(interval=0.0)))
    found = list(made.recall(Wanted.each([1])))
    assert [one.iteration for one in found] == [1, 2, 3 + SETTINGS.pgd.iterations]  # type: ignore[union-attr]
    assert [one.final for one in found] == [False, False, True]
    assert found[-1].passes == 2 * (3 + SETTINGS.steps)
    assert replace(SETTINGS, pgd=None) == choose_class_attack("diff-mi/no-pgd").recipe.settings  # type: ignore[attr-defined]
