"""The optimiser on a head that is quick to invert."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from keyhole.attacks.base import Budget, MismatchError, Watch
from keyhole.attacks.features.objective import PAPER, STRONG
from keyhole.attacks.features.white_box import WhiteBoxAttack
from keyhole.generators.pixels import Pixels, SpectralPixels
from keyhole.metrics import psnr
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box


def optimiser(known, iterations=60, recipe=STRONG, seed=0, **watch) -> WhiteBoxAttack:
    generator = SpectralPixels(SIZE) if recipe is STRONG else Pixels(SIZE)
    return WhiteBoxAttack(known, generator, recipe, Budget(iterations), seed, Watch(**{"interval": 0.0, **watch}))


def test_it_recovers_the_picture():
    known, truth = white_box(), pictures(2)
    *_, last = optimiser(known, 250).reconstruct(frames(known, truth))
    assert last.final
    assert last.pictures.shape == truth.shape
    assert 0 <= last.pictures.min() <= last.pictures.max() <= 1
    assert psnr(last.pictures, truth).min() > 22


def test_estimates_get_better():
    known, truth = white_box(), pictures(1)
    estimates = list(optimiser(known, 120).reconstruct(frames(known, truth)))
    assert [estimate.iteration for estimate in estimates] == list(range(1, 121))
    assert [estimate.final for estimate in estimates] == [False] * 119 + [True]
    quality = [psnr(estimates[at].pictures, truth).item() for at in (0, 20, 119)]
    assert quality[0] + 2 < quality[1] < quality[2] - 0.5
    assert estimates[-1].loss < estimates[0].loss


def test_it_is_the_same_for_the_same_seed():
    known = white_box()
    seen = frames(known, pictures(1))
    first, again, other = (list(optimiser(known, 5, seed=seed).reconstruct(seen))[-1].pictures for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pictures_of_a_batch_do_not_touch_each_other():
    known = white_box()
    seen = frames(known, pictures(2))
    together = list(optimiser(known, 20, seed=0).reconstruct(seen))[-1].pictures[0]
    alone = list(optimiser(known, 20, seed=0).reconstruct([seen[0], seen[0]]))[-1].pictures[0]
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_strong_recipe_beats_the_papers():
    known, truth = white_box(), pictures(3, seed=5)
    seen = frames(known, truth)
    scores = {
        name: psnr(list(optimiser(known, 150, recipe, interval=1e9).reconstruct(seen))[-1].pictures, truth).mean()
        for name, recipe in (("paper", PAPER), ("strong", STRONG))
    }
    assert scores["strong"] > scores["paper"] + 1


def test_the_papers_recipe_is_the_papers():
    assert (PAPER.iterations, PAPER.learning_rate, PAPER.betas) == (1500, 0.1, (0.9, 0.999))
    assert PAPER.weight(1, 7) == 1.0
    known, seed = white_box(), 7
    (seen,) = frames(known, pictures(1))
    *_, got = optimiser(known, 3, PAPER, seed=seed).reconstruct([seen])

    variable = Pixels(SIZE).start(1, torch.Generator().manual_seed(seed)).requires_grad_(True)
    adam = torch.optim.Adam([variable], lr=0.1, betas=(0.9, 0.999))
    for _ in range(3):
        adam.zero_grad()
        distance = ((known.head(known.normalise(variable)) - seen.tensors[0]) ** 2).sum()
        down, across = variable.diff(dim=2), variable.diff(dim=3)
        (distance + 1.0 * ((down**2).sum() + (across**2).sum()) / SIZE**2).backward()
        adam.step()
    assert torch.allclose(got.pictures, variable.detach().clamp(0, 1), atol=1e-4)


def test_the_clock_ends_it_and_cools_it_down():
    known, ticks = white_box(), itertools.count()
    attack = replace(
        optimiser(known, 1000), budget=Budget(1000, seconds=20), watch=Watch(0.0, clock=lambda: next(ticks))
    )
    estimates = list(attack.reconstruct(frames(known, pictures(1))))
    assert estimates[-1].final
    assert estimates[-1].seconds >= 20
    assert len(estimates) < 20
    moved = (estimates[-1].pictures - estimates[-2].pictures).abs().max()
    assert moved < (estimates[5].pictures - estimates[4].pictures).abs().max()


def test_it_reports_at_intervals_and_at_the_end():
    known, ticks = white_box(), itertools.count(step=0.25)
    attack = optimiser(known, 50, interval=5.0, clock=lambda: next(ticks))
    estimates = list(attack.reconstruct(frames(known, pictures(1))))
    assert 2 <= len(estimates) < 10
    assert estimates[-1].iteration == 50


def test_it_counts_its_steps_and_may_be_abandoned():
    known, steps = white_box(), []
    attack = optimiser(known, 50, stepped=lambda: steps.append(1))
    next(iter(attack.reconstruct(frames(known, pictures(1)))))
    assert len(steps) == 1


class TwoTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        first = torch.relu(self.first(x))
        return first, self.second(first)


def test_several_live_tensors():
    torch.manual_seed(0)
    known, truth = white_box(TwoTensors().eval()), pictures(1)
    *_, last = optimiser(known, 150).reconstruct(frames(known, truth))
    assert psnr(last.pictures, truth).item() > 16


def test_frames_of_another_head_are_refused():
    known = white_box()
    (seen,) = frames(white_box(nn.Conv2d(3, 4, 1)), pictures(1))
    with pytest.raises(MismatchError, match="expected frames of shape"):
        list(optimiser(known).reconstruct([seen]))
    with pytest.raises(MismatchError, match="different shapes"):
        list(optimiser(known).reconstruct([seen, *frames(known, pictures(1))]))


def test_the_head_is_left_as_it_was():
    known = white_box()
    before = {name: value.clone() for name, value in known.head.state_dict().items()}
    list(optimiser(known, 3).reconstruct(frames(known, pictures(1))))
    assert all(torch.equal(value, before[name]) for name, value in known.head.state_dict().items())
    assert isinstance(known.head[2], nn.MaxPool2d)


def test_unknown_recipes_list_those_that_there_are():
    with pytest.raises(UsageError, match="unknown recipe 'strng': pixels-white has strong, paper"):
        recipe_of("pixels-white/strng")


@pytest.mark.parametrize("budget", [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_empty_budgets_are_refused(budget):
    with pytest.raises(ValueError, match="expected at least one iteration"):
        Budget(*budget)


def test_progress_follows_what_is_spent_first():
    budget = Budget(100, seconds=10)
    assert budget.progress(50, 1) == 0.5
    assert budget.progress(10, 8) == 0.8
    assert budget.progress(500, 99) == 1.0
