"""The query-free attack: a shadow that learns through the victim's tail, without a look at its head."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from keyhole.attacks.base import Access, Budget, RunSettings, Watch
from keyhole.attacks.cloud_side import CloudSide
from keyhole.attacks.features.query_free import PUBLISHED_SHADOW, SHADOW, QueryFreeRecipe, ShadowTraining
from keyhole.attacks.preparation import Preparation, PreparedAttack
from keyhole.attacks.registry import ATTACKS, USUAL
from keyhole.metrics import psnr
from keyhole.nn.untrained_copy import untrained_copy
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box

CLASSES = 48


def classes(shown):
    """Which quarters are bright, and which colour leads: 48 classes."""
    quarters = F.adaptive_avg_pool2d(shown.mean(1, keepdim=True), 2).flatten(1) > 0.5
    return (quarters * torch.tensor([1, 2, 4, 8])).sum(1) * 3 + shown.mean((2, 3)).argmax(1)


def network():
    torch.manual_seed(0)
    head = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2))
    tail = nn.Sequential(
        *(nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU()),
        *(nn.Conv2d(24, 48, 3, 2, 1), nn.BatchNorm2d(48), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(192, CLASSES)),
    )
    return head, tail


@pytest.fixture(scope="module")
def world():
    """A victim that was trained, and labelled public pictures that it was not trained on."""
    known = white_box()
    private, public = pictures(2048, seed=1), pictures(2048, seed=2)
    random = torch.Generator().manual_seed(0)
    head, tail = network()
    adam = torch.optim.Adam([*head.parameters(), *tail.parameters()], 3e-3)
    for _ in range(200):
        batch = private[torch.randint(0, len(private), (48,), generator=random)]
        loss = F.cross_entropy(tail(head(known.normalise(batch))), classes(batch))
        adam.zero_grad()
        loss.backward()
        adam.step()
    head.eval().requires_grad_(False)
    tail.eval().requires_grad_(False)
    pairs = list(zip(public, classes(public).tolist(), strict=True))
    cloud = CloudSide(partial(untrained_copy, head), tail, known.normalise, SIZE, lambda: cycle(pairs))
    return replace(known, head=head), cloud


def never(what):
    return lambda: pytest.fail(f"it asked for {what}")


def access(cloud):
    return Access(never("the head"), never("the oracle"), never("the prior"), lambda: cloud)


def run(steps, **settings):
    return RunSettings(Budget(steps), watch=Watch(1e9), **settings)


def test_it_gets_more_than_the_blind_attacker_without_the_head_or_an_oracle(world):
    victim, cloud = world
    truth = pictures(4, seed=7)
    quick = replace(recipe_of("query-free"), training=replace(SHADOW, epochs=8))
    with quick.open(access(cloud), run(150)) as attack:
        *_, last = attack.reconstruct(frames(victim, truth))
    blind = pictures(2048, seed=2).mean(0, keepdim=True).expand_as(truth)
    assert psnr(last.pictures, truth).mean() > psnr(blind, truth).mean() + 1


def test_steps_of_the_training_are_those_of_the_equation(world):
    _, cloud = world
    training = ShadowTraining(pictures=8, epochs=2, batch=8, learning_rate=0.01, halved=1)
    recipe = QueryFreeRecipe(training, recipe_of("pixels-white"))
    before = copy.deepcopy(cloud.tail.state_dict())
    with recipe.open(access(cloud), run(1, seed=3)) as attack:
        made = attack.train()

    shadow = untrained_copy(network()[0], 3).train()
    adam = torch.optim.Adam(shadow.parameters(), lr=0.01, eps=1e-3, amsgrad=True)
    shown = pictures(2048, seed=2)[:8]
    for rate in (0.01, 0.005):
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        F.cross_entropy(cloud.tail(shadow((shown - 0.5) / 0.25)), classes(shown)).backward()
        adam.step()
    expected = shadow.state_dict()
    assert all(torch.allclose(value, expected[name], atol=1e-4) for name, value in made.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in cloud.tail.state_dict().items())


def test_it_is_told_by_steps_and_ends_when_the_context_closes(world):
    victim, cloud = world
    taken: list[int] = []
    watch = Watch(1e9, stepped=lambda: taken.append(1))
    with recipe_of("query-free").open(access(cloud), replace(run(2, training=3, queries=16), watch=watch)) as attack:
        *_, last = attack.reconstruct(frames(victim, pictures(1)))
    assert (len(taken), last.iteration, last.final) == (3 + 2, 2, True)
    with recipe_of("query-free").open(access(cloud), run(2, queries=16)) as attack:
        pass
    assert list(attack.reconstruct(frames(victim, pictures(1)))) == []


def test_its_training_is_told_of_and_done_once(world):
    _, cloud = world
    taken: list[int] = []
    watch = Watch(1e9, stepped=lambda: taken.append(1))
    with recipe_of("query-free").open(access(cloud), replace(run(2, training=3, queries=16), watch=watch)) as attack:
        assert isinstance(attack, PreparedAttack)
        assert attack.prepare() == attack.prepare() == Preparation(3, 16, labelled=True)
    assert len(taken) == 3


def test_a_tail_without_logits_is_refused(world):
    _, cloud = world
    odd = replace(cloud, tail=nn.Conv2d(12, 3, 1))
    with (
        recipe_of("query-free").open(access(odd), run(1, queries=4)) as attack,
        pytest.raises(UsageError, match="logits"),
    ):
        attack.train()


def test_its_settings_and_its_place():
    assert (PUBLISHED_SHADOW.learning_rate, PUBLISHED_SHADOW.epsilon, PUBLISHED_SHADOW.batch) == (1e-3, 1e-3, 32)
    assert (PUBLISHED_SHADOW.epochs, PUBLISHED_SHADOW.halved, PUBLISHED_SHADOW.steps) == (50, 10, 50 * 128)
    paper = recipe_of("query-free/paper")
    assert (paper.steps(), paper.inversion.weight, paper.inversion.settings.learning_rate) == (500, 2.0, 0.1)
    assert set(ATTACKS) - set(USUAL) == {"query-free"}
    with pytest.raises(UsageError, match="query-free attacks with the cloud's half"):
        paper.open(Access(never("the head"), never("the oracle"), never("the prior")), run(1))


def test_an_untrained_copy_has_no_weight_of_the_original():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.ones(1, 4, 6))
            self.attention = nn.MultiheadAttention(6, 2)
            self.inner = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(4))

    original = Tokens().requires_grad_(False)
    with torch.no_grad():
        for value in (*original.parameters(), *original.buffers()):
            value.fill_(7)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    made, again, other = (untrained_copy(original, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert not any((value == 7).any() for value in made.state_dict().values())
    assert all((value == 7).all() for value in original.state_dict().values())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in made.state_dict().items())
    assert not torch.equal(made.token, other.token)
    assert all(parameter.requires_grad for parameter in made.parameters())
