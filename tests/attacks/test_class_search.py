"""The optimisation that all class attacks share: pictures do not mix, and it does what its parts say."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.losses import loss_named
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import (
    OPTIMISERS,
    ClassSearch,
    ClassTerm,
    GaussianTerm,
    Moment,
    Optimiser,
    SearchObjective,
)
from keyhole.attacks.classes.views import ITERATIVE, PLG, AugmentedViews
from tests.attacks.tiny_classes import SIDE, white_box

WANTED = Wanted.each([1, 4], 2)
ADAM = Optimiser("adam", 0.05)


class Free:
    """Pixels; each call draws a little noise, as a generator that is a distribution does."""

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        return 0.4 + 0.05 * random.normal(3, SIDE, SIDE)

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        return variable + 0.01 * random.normal(3, SIDE, SIDE)


@pytest.fixture(scope="module")
def known() -> ClassWhiteBox:
    return white_box()


def search(
    known: ClassWhiteBox,
    wanted: Wanted = WANTED,
    *,
    steps: int = 8,
    optimiser: Optimiser = ADAM,
    views: AugmentedViews = PLG,
    interval: float = 10.0,
    keep_best: bool = False,
    projected: Callable[[Tensor, Tensor], Tensor] = lambda variable, _: variable.clamp(0, 1),
) -> ClassSearch:
    loss = loss_named("top-k:p-reg=0.1").ready(known)
    objective = SearchObjective([ClassTerm(known.classify, loss, views), GaussianTerm(0.001)], optimiser)
    run = RunSettings(Budget(steps), seed=5, watch=Watch(interval=interval))
    return ClassSearch(Free(), [objective], run, projected, keep_best)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_a_picture_made_alone_is_the_one_made_beside_others(known: ClassWhiteBox, kind: str) -> None:
    settings = {"momentum": 0.9, "nesterov": True} if kind == "sgd" else {}
    for views in (PLG, ITERATIVE):
        together = search(known, optimiser=Optimiser(kind, 0.02, settings), views=views)
        *_, last = together.recall(WANTED)
        for at in (0, 3):
            *_, alone = search(known, optimiser=Optimiser(kind, 0.02, settings), views=views).recall(WANTED.part([at]))
            assert torch.allclose(alone.pictures[0], last.pictures[at], atol=1e-5)
        assert not torch.allclose(last.pictures[0], last.pictures[1], atol=1e-2)  # the same class, another number


def test_what_is_shown_on_the_way_changes_nothing(known: ClassWhiteBox) -> None:
    *_, quiet = search(known).recall(WANTED)
    shown = list(search(known, interval=0.0).recall(WANTED))
    assert [one.iteration for one in shown] == list(range(1, 9))
    assert [one.final for one in shown] == [False] * 7 + [True]
    assert torch.equal(shown[-1].pictures, quiet.pictures)


def test_it_finds_pictures_that_the_classifier_takes_for_the_class(known: ClassWhiteBox) -> None:
    start = Free().start(WANTED, PictureRandom(WANTED, 5, "start"))
    before = known.classify(start).logits.softmax(dim=1).gather(1, WANTED.labels[:, None])
    *_, last = search(known, steps=60, views=AugmentedViews()).recall(WANTED)
    after = known.classify(last.pictures).logits.softmax(dim=1).gather(1, WANTED.labels[:, None])
    assert (after > 0.9).all()
    assert (before < 0.9).any()


def test_nesterov_is_the_momentum_of_gmi(known: ClassWhiteBox) -> None:
    """v ← 0.9 v − 0.02 ∇, z ← z + v + 0.9 (v − v'), written out as GMI's code does."""
    start = torch.tensor([[1.0, -2.0, 0.5]])
    variable = start.clone().requires_grad_(True)
    optimiser = Optimiser("sgd", 0.02, {"momentum": 0.9, "nesterov": True})
    opened = optimiser.open(variable)
    z, v = start.clone(), torch.zeros_like(start)
    for _ in range(6):
        variable.grad = torch.cos(variable.detach())
        optimiser.step(opened, 0.0)
        earlier, v = v, 0.9 * v - 0.02 * torch.cos(z)
        z = z - 0.9 * earlier + 1.9 * v
        assert torch.allclose(variable.detach(), z, atol=1e-6)


def test_a_projection_holds_after_every_step(known: ClassWhiteBox) -> None:
    def near(variable: Tensor, start: Tensor) -> Tensor:
        return start + (variable - start).clamp(-0.02, 0.02)

    one = search(known, projected=near, optimiser=Optimiser("adam", 0.5), interval=0.0)
    start = Free().start(WANTED, PictureRandom(WANTED, 5, "start"))
    for found in one.optimise(WANTED):
        assert ((found.variable - start).abs() <= 0.02 + 1e-6).all()


def test_the_best_is_kept_picture_by_picture(known: ClassWhiteBox) -> None:
    """With a rate that jumps about, each picture keeps the variable of its own lowest loss."""
    wild = search(
        known, keep_best=True, optimiser=Optimiser("adam", 0.6), views=AugmentedViews(), interval=0.0, steps=12
    )
    found = list(wild.optimise(WANTED))
    losses = torch.stack([one.losses for one in found])
    assert all((after <= before).all() for before, after in pairwise(losses))
    random = PictureRandom(WANTED, 5, "steps")
    moment = Moment(found[-1].variable, WANTED.labels, lambda made: Free()(made, WANTED.labels, random), 0.0, random)
    again = wild.objectives[0].losses(moment)
    assert torch.allclose(again, found[-1].losses, rtol=0.2, atol=0.5)  # but for the noise of each call


def test_objectives_take_turns_and_a_schedule_is_followed() -> None:
    rates = []

    class Line:
        def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
            return torch.zeros(len(wanted), 3, 2, 2)

        def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
            return variable

    def falling(progress: float) -> float:
        rates.append(progress)
        return 1.0 - progress

    up = SearchObjective([lambda moment: -moment.variable.sum((1, 2, 3))], Optimiser("sgd", 1.0, schedule=falling))
    back = SearchObjective(
        [lambda moment: (moment.variable - 0.5).square().sum((1, 2, 3))],
        Optimiser("sgd", 1.0),
        turned=lambda gradient: gradient / 2,  # a full step to 0.5
    )
    one = ClassSearch(Line(), [up, back], RunSettings(Budget(4)))
    *_, last = one.recall(Wanted.each([0]))
    assert rates == [0.0, 0.25, 0.5, 0.75]
    assert torch.allclose(last.pictures, torch.full_like(last.pictures, 0.5))


def test_the_gaussian_term_is_minus_the_log_density() -> None:
    variable = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    density = torch.distributions.Normal(0.0, 1.0).log_prob(variable).sum(dim=1)
    moment = Moment(variable, torch.zeros(4).long(), lambda made: made, 0.0, PictureRandom(Wanted.each([0], 4), 0))
    losses = GaussianTerm(0.5)(moment)
    expected = -0.5 * (density - density.max())
    assert torch.allclose(losses - losses.min(), expected - expected.min(), atol=1e-5)


def test_views_are_the_picture_where_nothing_is_varied_and_differ_from_it_otherwise() -> None:
    pictures = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    random = PictureRandom(WANTED, 0)
    (plain,) = AugmentedViews()(pictures, random)
    assert torch.equal(plain, pictures)
    (mirrored,) = AugmentedViews(flip=1.0)(pictures, random)
    assert torch.allclose(mirrored, pictures.flip(-1), atol=1e-5)
    views = PLG(pictures, random)
    assert len(views) == 2
    assert all(view.shape == pictures.shape and not torch.allclose(view, pictures, atol=1e-2) for view in views)
    (bright,) = AugmentedViews(brightness=0.3)(pictures, random)
    factor = bright / pictures
    assert torch.allclose(factor.amax((1, 2, 3)), factor.amin((1, 2, 3)), atol=1e-4)
    assert factor.amax((1, 2, 3)).unique().numel() == 4


def test_turns_and_contrast_are_torchvisions_for_the_numbers_that_each_picture_draws() -> None:
    pictures = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    random = PictureRandom(WANTED, 2)
    [random.uniform() for _ in range(5)]  # area, ratio, right, down, mirrored
    angles = random.uniform(low=-5.0, high=5.0)
    (turned,) = AugmentedViews(turn=5.0)(pictures, PictureRandom(WANTED, 2))
    random = PictureRandom(WANTED, 3)
    random.uniform()  # brightness
    factors = random.uniform(low=0.5, high=1.5)
    (stronger,) = AugmentedViews(contrast=0.5)(pictures, PictureRandom(WANTED, 3))
    for at in range(4):
        expected = transform.rotate(pictures[at], float(angles[at]), InterpolationMode.BILINEAR)
        assert torch.allclose(turned[at, :, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=1e-4)
        expected = transform.adjust_contrast(pictures[at], float(factors[at]))
        assert torch.allclose(stronger[at].clamp(0, 1), expected, atol=1e-4)


def test_a_crop_is_a_rectangle_of_its_area_and_ratio_within_the_picture() -> None:
    """Each pixel of the picture says where it is; each of the view where it was taken from."""
    places = torch.arange(SIDE) + 0.5
    across, down = places.expand(SIDE, SIDE), places[:, None].expand(SIDE, SIDE)
    pictures = torch.stack([across, down, 0 * across]).expand(4, 3, SIDE, SIDE)
    for crop, ratio in (((0.25, 0.25), (1.0, 1.0)), ((0.3, 0.5), (0.8, 1.25))):
        (views,) = AugmentedViews(crop=crop, ratio=ratio)(pictures, PictureRandom(WANTED, 6))
        inside = views[:, :, 2:-2, 2:-2]  # the border's pixels have nothing beyond them
        wide = inside[:, 0, 0].diff(dim=1).mean(dim=1)
        tall = inside[:, 1, :, 0].diff(dim=1).mean(dim=1)
        steps = inside[:, 0].diff(dim=2)
        assert torch.allclose(steps, wide[:, None, None].expand_as(steps), atol=1e-3)
        assert (wide * tall >= crop[0] - 1e-3).all()
        assert (wide * tall <= crop[1] + 1e-3).all()
        assert (wide / tall >= ratio[0] - 1e-3).all()
        assert (wide / tall <= ratio[1] + 1e-3).all()
        assert views[:, :2].min() >= 0
        assert views[:, :2].max() <= SIDE
        assert views[:, 0, 0, 0].unique().numel() == 4
