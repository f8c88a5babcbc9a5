"""Attacks through trained GANs in a tiny world: they raise their class, alone as beside others."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.attacks.base import Budget
from keyhole.attacks.classes.base import Answer, ClassConfidences, ClassLabels, ClassWhiteBox, Wanted
from keyhole.attacks.classes.brep_mi import Repulsion, RepulsionRecipe, RepulsionSettings
from keyhole.attacks.classes.candidates import Candidates
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.attacks.classes.entry import ClassRun, WhiteBoxClassRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.genetic import Breeding, GeneticRecipe, GeneticSettings
from keyhole.attacks.classes.gmi import GmiRecipe
from keyhole.attacks.classes.ked_mi import KedRecipe, KedSettings
from keyhole.attacks.classes.mirror import MirrorRecipe
from keyhole.attacks.classes.plg_mi import PlgRecipe
from keyhole.attacks.classes.ppa import PpaRecipe, PpaSettings, falling
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.attacks.classes.search import Moment
from keyhole.attacks.classes.vmi import DivergenceTerm, VmiRecipe, VmiSettings
from keyhole.nn.flow import AdditiveFlows
from keyhole.priors.students import load_students
from keyhole.service.errors import UsageError
from keyhole.train.prior.students import divergence
from tests.attacks.tiny_classes import CLASSES, SIDE, white_box
from tests.attacks.tiny_generators import generators, white_box_with

WANTED = Wanted.each([0, 2, 5], 2)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> ClassWhiteBox:
    few = {"students": ("narrow:resnet18-8", "narrow:resnet18-16"), "student_epochs": 3, "student_learning_rate": 0.1}
    return white_box_with(generators(tmp_path_factory.mktemp("generators"), students=few))


def recalled(recipe: WhiteBoxClassRecipe, known: ClassWhiteBox, wanted: Wanted = WANTED, steps: int = 60) -> Tensor:
    *_, last = recipe.make(known, ClassRun(Budget(steps))).recall(wanted)
    assert last.final
    return last.pictures


def chances(known: ClassWhiteBox, pictures: Tensor, wanted: Wanted = WANTED) -> Tensor:
    return known.classify(pictures).logits.softmax(dim=1).gather(1, wanted.labels[:, None]).squeeze(1)


WHITE = ("gmi", "ked-mi", "plg-mi", "lomma", "lomma/gmi", "lomma/draw", "lomma/no-students", "ppa", "mirror", "vmi")


@pytest.mark.parametrize("name", WHITE)
def test_the_class_becomes_likelier_than_at_the_start(known: ClassWhiteBox, name: str) -> None:
    recipe = choose_class_attack(name).recipe
    assert isinstance(recipe, WhiteBoxClassRecipe)
    first, last = (chances(known, recalled(recipe, known, steps=steps)) for steps in (1, 100))
    assert last.mean() > first.mean() + 0.05
    assert last.log().mean() > first.log().mean() + 0.1


@pytest.mark.parametrize("name", [name for name in WHITE if name != "lomma/draw"])
def test_a_picture_made_alone_is_the_one_made_beside_others(known: ClassWhiteBox, name: str) -> None:
    recipe = choose_class_attack(name).recipe
    assert isinstance(recipe, WhiteBoxClassRecipe)
    together = recalled(recipe, known, steps=6)
    assert together.shape == (len(WANTED), 3, SIDE, SIDE)
    for at in (1, 4):
        alone = recalled(recipe, known, WANTED.part([at]), steps=6)
        assert torch.allclose(alone[0], together[at], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-3)  # the same class, another number


@pytest.mark.parametrize("name", WHITE)
def test_one_search_serves_all_pictures_of_a_class_where_the_recipe_says_so(known: ClassWhiteBox, name: str) -> None:
    recipe = choose_class_attack(name).recipe
    assert isinstance(recipe, WhiteBoxClassRecipe)

    def asked(each: int) -> int:
        counts: list[int] = []

        def classify(pictures: Tensor) -> Answer:
            counts.append(len(pictures))
            return known.classify(pictures)

        counted = replace(known, classify=classify)
        _ = counted.public_answers  # which some losses ask for first
        counts.clear()
        recalled(recipe, counted, Wanted.each([0, 2], each), steps=2)
        return sum(counts)

    assert (asked(3) == asked(1)) == recipe.once_a_class


def test_gmi_descends_the_sum_of_class_and_critic(known: ClassWhiteBox) -> None:
    """One Nesterov step from the start, written out: v = −η∇, z ← z + (1 + μ) v, within ±1. The loss is the mean over
    60 pictures, as in its code, of which these are six."""
    gan = own_gan(known, "gan")
    z = PictureRandom(WANTED, 0, "start").normal(gan.latent).requires_grad_(True)
    made = gan.generator(z)
    assert gan.critic is not None
    loss = 100 * F.cross_entropy(known.classify(made).logits, WANTED.labels, reduction="sum") - gan.critic(made).sum()
    (gradient,) = torch.autograd.grad(loss / 60, z)
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


def test_lomma_adds_the_losses_of_students_each_with_its_own_features(known: ClassWhiteBox) -> None:
    """One step written out: 25 − the logit of each of four models would be; here of three, a third of 100 each."""
    gan = own_gan(known, "gan")
    found = load_students(known.generators("students"))
    models = [
        known,
        *(
            replace(known, classify=OpenClassifier(model, found.preprocess.normalise, CLASSES))
            for model in found.models
        ),
    ]
    z = PictureRandom(WANTED, 0, "start").normal(gan.latent).requires_grad_(True)
    made = gan.generator(z)
    assert gan.critic is not None
    total = -gan.critic(made).sum()
    for model in models:
        answer = model.classify(made)
        near = model.public_answers.features.mean(dim=0)
        own = answer.logits.gather(1, WANTED.labels[:, None]).squeeze(1)
        total = total + 100 / 3 * (-own + (answer.features - near).square().mean(dim=1)).sum()
    (gradient,) = torch.autograd.grad(total / 60, z)
    expected = gan.generator((z - 1.9 * 0.02 * gradient).clamp(-1, 1))
    recipe = choose_class_attack("lomma/gmi").recipe
    assert isinstance(recipe, WhiteBoxClassRecipe)
    assert torch.allclose(recalled(recipe, known, steps=1), expected, atol=1e-3)


def test_ppa_starts_at_the_best_draws_and_keeps_the_most_robust(known: ClassWhiteBox) -> None:
    made = PpaRecipe(PpaSettings(candidates=50, crops=20)).make(known, ClassRun(Budget(1)))
    z, gan = made.candidates.z, own_gan(known, "gan")
    pictures = gan.generator(z)
    seen = [known.classify(view).logits.softmax(dim=1)[:, 2] for view in (pictures, pictures.flip(-1))]
    order = ((seen[0] + seen[1]) / 2).argsort(descending=True)
    best = made.candidates.best(Wanted(torch.tensor([2, 2]), torch.tensor([0, 3])))
    assert torch.equal(best, z[order[[0, 3]]])

    many = Wanted(torch.tensor([2] * 4), torch.arange(4, 8))
    *_, found = made.search.optimise(many, made.candidates.best(many))
    robust = made.robust(found.estimate.pictures, many)
    *_, last = made.recall(Wanted(torch.tensor([2]), torch.tensor([1])))
    assert torch.allclose(last.pictures[0], found.estimate.pictures[int(robust.argmin())], atol=1e-5)
    assert [falling(at) for at in (0.0, 0.59, 0.6, 0.8)] == pytest.approx([1, 1, 0.1, 0.01])


def test_mirror_stays_within_one_deviation(known: ClassWhiteBox) -> None:
    made = MirrorRecipe().make(known, ClassRun(Budget(20)))
    *_, found = made.search.optimise(WANTED, made.candidates.best(WANTED))
    assert float(found.variable.abs().max()) <= 1


def test_vmi_weighs_the_class_against_the_divergence_from_the_prior(known: ClassWhiteBox) -> None:
    gan = own_gan(known, "gan")
    flows = AdditiveFlows(gan.latent, 2, 4)
    wanted = Wanted.each([0], 2000)
    variable = flows.start(0).clone()
    variable[: gan.latent] += 0.3  # log scales of the first layer
    moment = Moment(variable.expand(2000, -1), wanted.labels, lambda made: made, 0.0, PictureRandom(wanted, 0))
    drawn = DivergenceTerm(flows, 0.5)(moment).mean()
    scale = math.exp(0.3)
    expected = gan.latent * (scale**2 / 2 - 0.5 - 0.3)  # KL of N(0, s²) from N(0, 1)
    assert float(drawn) == pytest.approx(0.5 * expected, rel=0.1)

    def spread(weight: float) -> float:
        recipe = VmiRecipe(VmiSettings(weight=weight))
        return float(recalled(recipe, known, Wanted.each([0], 8), steps=80).std(dim=0).mean())

    assert spread(0.3) > spread(0.0)


def test_brep_walks_inside_the_class_by_labels_alone(known: ClassWhiteBox) -> None:
    asked = []

    def label(pictures: Tensor) -> Tensor:
        asked.append(len(pictures))
        return known.classify(pictures).logits.argmax(dim=1)

    labels = ClassLabels(known.classes, known.size, known.public, generators=known.generators, label=label)
    settings = RepulsionSettings(points=24, draws=400)
    recipe, wanted = RepulsionRecipe(settings), Wanted.each([2, 5], 2)

    def made(steps: int, chosen: Wanted = wanted) -> Tensor:
        *_, last = recipe.make(labels, ClassRun(Budget(steps))).recall(chosen)
        return last.pictures

    first, last = made(1), made(25)
    assert (known.classify(last).logits.argmax(dim=1) == wanted.labels).all()
    assert chances(known, last, wanted).mean() > chances(known, first, wanted).mean()
    assert torch.allclose(made(3, wanted.part([1]))[0], made(3)[1], atol=1e-4)
    assert asked


def test_a_step_of_brep_is_away_from_the_points_outside(known: ClassWhiteBox) -> None:
    gan = own_gan(known, "gan")

    made = Repulsion(  # taken for class 1 where the first number of z is below 0.5
        ClassLabels(2, SIDE, known.public, label=lambda z: (z[:, 0] < 0.5).long()),
        replace(gan, generator=torch.nn.Identity()),
        RepulsionSettings(points=64, widest=10.0),
        ClassRun(Budget(1)),
    )
    wanted = Wanted.each([1], 2)
    z = torch.zeros(2, gan.latent)
    walked, share = made.step(z, wanted.labels, torch.tensor([2.0, 30.0]), PictureRandom(wanted, 0))
    directions = PictureRandom(wanted, 0).normal(64, gan.latent)
    directions = directions / directions.norm(dim=2, keepdim=True)
    for at, (radius, step) in enumerate(((2.0, 2 / 3), (30.0, 3.0))):
        outside = radius * directions[at, :, 0] >= 0.5
        assert float(share[at]) == pytest.approx(1 - float(outside.double().mean()))
        moved = step * (-directions[at] * outside[:, None]).mean(dim=0)
        assert torch.allclose(walked[at], moved, atol=1e-5)
    assert (walked[:, 0] < 0).all()


@pytest.mark.parametrize(("inside", "grows"), [(28, False), (29, True)])
def test_breps_sphere_grows_where_the_signs_of_its_points_sum_to_more_than_three_quarters(
    known: ClassWhiteBox, inside: int, grows: bool
) -> None:
    """Of 32 points with the sign +1 inside and −1 outside: 28 sum to 24, three quarters, and 29 to more."""
    asked = iter(range(10))

    def label(pictures: Tensor) -> Tensor:
        if next(asked) == 1:  # after the search for a first point, the points of the sphere
            return (torch.arange(len(pictures)) < inside).long()
        return torch.ones(len(pictures)).long()

    labels = ClassLabels(2, SIDE, known.public, generators=known.generators, label=label)
    *_, last = RepulsionRecipe().make(labels, ClassRun(Budget(1))).recall(Wanted.each([1]))
    assert last.loss == pytest.approx(-2 * 1.3 if grows else -2)


def test_breeding_finds_the_class_by_confidences_alone(known: ClassWhiteBox) -> None:
    asked = []

    def confide(pictures: Tensor) -> Tensor:
        asked.append(len(pictures))
        return known.confide(pictures)

    told = ClassConfidences(known.classes, known.size, known.public, generators=known.generators, confide=confide)
    recipe = GeneticRecipe(GeneticSettings(candidates=60, population=20))

    def made(steps: int, chosen: Wanted = WANTED) -> Tensor:
        *_, last = recipe.make(told, ClassRun(Budget(steps))).recall(chosen)
        return last.pictures

    first, last = made(1), made(25)
    assert sum(asked) == 2 * (2 * 60) + len(WANTED) * 20 * (2 + 26)  # the candidates are mirrored too
    assert (chances(known, last) >= chances(known, first) - 1e-6).all()
    assert chances(known, last).mean() > chances(known, first).mean() + 0.02
    assert torch.allclose(made(3, WANTED.part([1]))[0], made(3)[1], atol=1e-4)
    assert not torch.allclose(last[0], last[1], atol=1e-3)


def test_a_generation_keeps_the_likeliest_and_mixes_parents_by_their_confidence(known: ClassWhiteBox) -> None:
    """Written out child by child, with the same draws."""
    gan, settings = own_gan(known, "gan"), GeneticSettings(mutation=0.25)
    told = ClassConfidences(known.classes, known.size, known.public, confide=known.confide)
    breeding = Breeding(told, gan, Candidates(told, gan, 8, 0), settings, ClassRun(Budget(1)))
    wanted = Wanted.each([1], 2)
    z = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0))
    confidence = torch.rand(2, 8, generator=torch.Generator().manual_seed(1))
    confidence[1] = torch.tensor([0.0, 0, 0, 1, 0, 0, 0, 0])
    found = breeding.bred(z, confidence, PictureRandom(wanted, 0))
    assert found.shape == z.shape
    draws = list(PictureRandom(wanted, 0))
    for at, draw in enumerate(draws):
        assert torch.equal(found[at, 0], z[at, confidence[at].argmax()])
        parents = torch.multinomial(confidence[at].clamp_min(1e-38), 14, replacement=True, generator=draw)
        mixing, fresh = torch.rand(7, 5, generator=draw), torch.randn(7, 5, generator=draw)
        mutating = torch.rand(7, 5, generator=draw)
        for child in range(7):
            one, other = int(parents[child]), int(parents[7 + child])
            share = confidence[at, one] / (confidence[at, one] + confidence[at, other])
            for gene in range(5):
                expected = z[at, one, gene] if mixing[child, gene] < share else z[at, other, gene]
                if mutating[child, gene] < 0.25:
                    expected = fresh[child, gene].clamp(-1, 1)
                assert float(found[at, 1 + child, gene]) == pytest.approx(float(expected))


def test_students_learn_what_the_target_answers(known: ClassWhiteBox) -> None:
    found = load_students(known.generators("students"))
    assert len(found.models) == 2
    assert found.card.classes == CLASSES
    assert all(0 <= share <= 1 for share in found.card.figures.values())
    logits, told = torch.randn(4, 3), torch.rand(4, 3).softmax(dim=1)
    expected = (told * (told.log() - logits.log_softmax(dim=1))).sum(dim=1).mean()
    assert float(divergence(logits, told)) == pytest.approx(float(expected), rel=1e-4)
