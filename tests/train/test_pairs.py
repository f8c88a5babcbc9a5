"""Adversarial pairs: their losses against independent ones, their training, and what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.cli import dispatch
from keyhole.nn.conditional_gan import ConditionalBatchNorm, ConditionalGenerator, ProjectionDiscriminator
from keyhole.nn.gan import GanCritic, GanGenerator
from keyhole.priors.gan import load_gan
from keyhole.priors.trained import GeneratorCard
from keyhole.service.errors import UsageError
from keyhole.train.prior import pairs
from keyhole.train.prior.adversarial import AdversarialBatch, AdversarialPair, PairTraining
from keyhole.train.prior.augmentation import augmented, cut, recoloured, shifted
from keyhole.train.prior.conditional_gan import ConditionalLosses, hinge
from keyhole.train.prior.inversion_gan import InversionLosses, realness, soft_cross_entropy
from keyhole.train.prior.kinds import train_prior
from keyhole.train.prior.pseudo_labels import pseudo_labels
from keyhole.train.prior.wasserstein import WassersteinLosses, gradient_penalty
from tests.attacks.tiny_classes import CLASSES, SIDE, public, white_box
from tests.train.generator_making import TARGET, settings

KINDS = ("gan", "inversion-gan", "cgan")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for kind in KINDS:
        assert train_prior(settings(folder, kind, kind)) == 0
    return folder


def test_the_projection_discriminator_is_the_inner_product_with_the_class() -> None:
    torch.manual_seed(0)
    critic = ProjectionDiscriminator(side=16, width=8, classes=4).eval()
    pictures, labels = torch.rand(3, 3, 16, 16), torch.tensor([0, 3, 1])
    maps = F.relu(critic.down(critic.first(2 * pictures - 1)))
    features = torch.stack([maps[:, :, row, column] for row in range(4) for column in range(4)]).sum(dim=0)
    for at, label in enumerate(labels):
        expected = (
            features[at] @ critic.score.weight[0] + critic.score.bias + critic.projection.weight[label] @ features[at]
        )
        assert torch.allclose(critic(pictures, labels)[at], expected[0], atol=1e-4)
    critic.train()
    for _ in range(30):
        critic(pictures, labels)
    for layer in (critic.score, critic.projection, critic.first):
        assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.02)


def test_conditional_batch_norm_scales_and_shifts_by_class() -> None:
    norm = ConditionalBatchNorm(3, 2)
    maps, labels = torch.randn(6, 3, 4, 4), torch.tensor([0, 1, 0, 1, 1, 0])
    assert torch.allclose(norm(maps, labels), nn.BatchNorm2d(3)(maps), atol=1e-5)
    norm.scale.weight.data[1], norm.shift.weight.data[1] = 2.0, -1.0
    made = norm(maps, labels)
    plain = nn.BatchNorm2d(3)(maps)
    assert torch.allclose(made[labels == 0], plain[labels == 0], atol=1e-5)
    assert torch.allclose(made[labels == 1], 2 * plain[labels == 1] - 1, atol=1e-5)


@pytest.mark.parametrize("side", [8, 16, 64])
def test_generators_make_pictures_of_any_side(side: int) -> None:
    for drawn in (
        GanGenerator(5, side, 8)(torch.randn(2, 5)),
        ConditionalGenerator(5, side, 8, 3)(torch.randn(2, 5), torch.tensor([0, 2])),
    ):
        made = drawn.detach()
        assert made.shape == (2, 3, side, side)
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    with pytest.raises(ValueError, match="expected a side"):
        GanGenerator(5, 12, 8)


def test_a_picture_and_its_score_do_not_depend_on_neighbours() -> None:
    torch.manual_seed(0)
    generator, conditional = GanGenerator(5, 16, 8).eval(), ConditionalGenerator(5, 16, 8, 3).eval()
    critic, z, labels = GanCritic(16, 8, 4), torch.randn(4, 5), torch.tensor([0, 2, 1, 1])
    made = generator(z)
    assert torch.allclose(generator(z[2:3])[0], made[2], atol=1e-5)
    assert torch.allclose(conditional(z[2:3], labels[2:3])[0], conditional(z, labels)[2], atol=1e-5)
    assert torch.allclose(critic(made[2:3])[0], critic(made)[2], atol=1e-5)  # in training mode too


def test_hinge_and_the_gradient_penalty() -> None:
    real, made = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, 0.25])
    assert float(hinge(real, made)) == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1.25) / 2)
    weights = torch.randn(3 * 4 * 4)
    pictures = torch.rand(5, 3, 4, 4)
    linear = gradient_penalty(lambda x: x.flatten(1) @ weights, pictures)
    assert float(linear.detach()) == pytest.approx((float(weights.norm()) - 1) ** 2, rel=1e-4)
    squares = gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, pictures)  # its gradient is x
    expected = [(float(picture.norm()) - 1) ** 2 for picture in pictures]
    assert float(squares.detach()) == pytest.approx(sum(expected) / 5, rel=1e-4)


def test_the_gradient_penalty_teaches_the_critic() -> None:
    critic = GanCritic(16, 8)
    gradient_penalty(critic, torch.rand(2, 3, 16, 16)).backward()
    assert critic.first.weight.grad is not None
    assert critic.first.weight.grad.abs().sum() > 0


def test_the_inversion_critic_is_a_softmax_over_classes_and_one_more() -> None:
    """KED-MI's terms, written out with the K + 1-th logit 0."""
    logits, false = torch.randn(3, 4), torch.randn(3, 4)
    told = torch.rand(3, 4).softmax(dim=1)
    whole, wrong = (F.pad(each, (0, 1)).softmax(dim=1) for each in (logits, false))
    assert torch.allclose(realness(logits).sigmoid(), 1 - whole[:, 4], atol=1e-6)
    assert torch.allclose(F.softplus(-realness(logits)), -(1 - whole[:, 4]).log(), atol=1e-5)
    assert torch.allclose(F.softplus(realness(false)), -wrong[:, 4].log(), atol=1e-5)
    expected = -sum(told[i, k] * logits[i].softmax(0)[k].log() for i in range(3) for k in range(4)) / 3
    assert float(soft_cross_entropy(logits, told)) == pytest.approx(float(expected), rel=1e-4)


def test_augmentation_is_each_pictures_own_and_passes_gradients() -> None:
    pictures = torch.rand(6, 3, SIDE, SIDE)
    torch.manual_seed(1)
    at = pictures.clone().requires_grad_(True)
    augmented(at).sum().backward()
    assert at.grad is not None
    assert (at.grad.abs().sum((1, 2, 3)) > 0).all()
    grey = recoloured(torch.full((4, 3, 8, 8), 0.5))
    assert torch.allclose(grey.amin((1, 2, 3)), grey.amax((1, 2, 3)), atol=1e-5)
    assert grey[:, 0, 0, 0].unique().numel() == 4
    assert ((grey - 0.5).abs() <= 0.25 + 1e-5).all()
    moved = shifted(pictures)
    inside = {(down, right) for down in range(-2, 3) for right in range(-2, 3)}
    for before, after in zip(pictures, moved, strict=True):
        padded = F.pad(before, (2, 2, 2, 2))
        places = [
            (down, right)
            for down, right in inside
            if torch.equal(padded[:, 2 + down : 2 + down + SIDE, 2 + right : 2 + right + SIDE], after)
        ]
        assert len(places) == 1
    holes = (cut(torch.ones(64, 3, SIDE, SIDE)) == 0).all(dim=1).sum((1, 2))
    assert int(holes.max()) == (SIDE // 2) ** 2
    assert int(holes.min()) > 0


def test_one_optimiser_moves_the_two_in_turn(root: Path) -> None:
    pair = AdversarialPair(GanGenerator(4, SIDE, 8), GanCritic(SIDE, 8))
    flags = settings(root, "gan")
    plan = PairTraining(
        pair,
        (public(16) * 255).to(torch.uint8),
        None,
        WassersteinLosses(),
        latent=4,
        steps=2,
        critic_steps=2,
        batch=4,
        every=2,
        optimisation=pairs.Optimisation(1e-3, schedule="constant"),
        look=lambda _: "",
    )
    assert plan.steps == 6
    turns = [batch.makes for batch in plan.batches(0, 6)]
    assert turns == [False, False, True] * 2
    for batch in plan.batches(0, 3):
        pair.zero_grad(set_to_none=True)
        sum(plan.losses(pair, batch).values()).backward()  # type: ignore[union-attr]
        moved = {name for name, weight in pair.named_parameters() if weight.grad is not None}
        part = "generator" if batch.makes else "critic"
        assert moved
        assert all(name.startswith(part) for name in moved)
    assert all(weight.requires_grad for weight in pair.parameters())
    assert flags.kind == "gan"


def test_pseudo_labels_are_the_best_liked_pictures_of_each_class() -> None:
    known = white_box()
    found = pseudo_labels(known, 3)
    assert found.shape == (3 * CLASSES, 2)
    chances = known.classify(public()).logits.softmax(dim=1)
    logits = known.classify(public()).logits
    for label in range(CLASSES):
        places = found[found[:, 1] == label, 0]
        assert set(places.tolist()) == set(chances[:, label].topk(3).indices.tolist())
    by_logit = pseudo_labels(known, 3, "logit")
    assert set(by_logit[by_logit[:, 1] == 2, 0].tolist()) == set(logits[:, 2].topk(3).indices.tolist())


def test_the_targets_margin_and_answers_reach_the_generator() -> None:
    known = white_box()
    torch.manual_seed(0)
    pair = AdversarialPair(ConditionalGenerator(4, SIDE, 8, CLASSES), ProjectionDiscriminator(SIDE, 8, CLASSES))
    pictures = (public(8) * 255).to(torch.uint8)
    labels = torch.arange(8) % CLASSES
    batch = AdversarialBatch(pictures, labels, torch.arange(8), torch.randn(8, 4), labels, 2, makes=True)
    losses = ConditionalLosses(known.classify, pairs.MaxMargin().ready(known)).generator(pair, batch)
    assert set(losses) == {"generator", "target"}
    (gradient,) = torch.autograd.grad(losses["target"], pair.generator.first.weight)
    assert gradient.abs().sum() > 0
    assert set(ConditionalLosses(known.classify, pairs.MaxMargin().ready(known), 0).generator(pair, batch)) == {
        "generator"
    }

    answers = known.public_answers.logits.softmax(dim=1)
    plain = AdversarialPair(GanGenerator(4, SIDE, 8), GanCritic(SIDE, 8, CLASSES))
    told = InversionLosses(answers).critic(plain, batch)
    assert set(told) == {"labels", "real"}
    assert float(told["labels"].detach()) > float(-(answers[:8] * answers[:8].log()).sum(dim=1).mean()) - 1e-4  # Gibbs


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_trained_is_opened_by_its_kind(root: Path, kind: str) -> None:
    found = load_gan(root / kind, kind)
    z, given = torch.randn(3, found.latent), [] if kind != "cgan" else [torch.tensor([0, 1, 5])]
    made: Tensor = found.generator(z, *given)
    assert made.shape == (3, 3, SIDE, SIDE)
    card = found.card
    assert card.classes == (0 if kind == "gan" else CLASSES)
    assert (card.target == "") == (kind == "gan")
    assert len(card.target_hash) == (0 if kind == "gan" else 16)
    assert card.figures["spread"] > 0
    assert ("liked" in card.figures) == (kind == "cgan")
    outputs = {"gan": (3, 1), "inversion-gan": (3, CLASSES), "cgan": None}[kind]
    assert (found.critic and tuple(found.critic(made).shape)) == outputs
    stored = load_file(root / kind / "generator.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}
    assert set(card.sha256) == {"generator.safetensors", *({"critic.safetensors"} if outputs else ())}
    assert (root / kind / "samples.jpg").is_file()
    text = (root / kind / "README.md").read_text()
    assert ("learnt" in text or "tests.train" in text) == (kind != "gan")
    other = "gan" if kind != "gan" else "cgan"
    with pytest.raises(UsageError, match=f"of kind {kind}: expected {other}"):
        load_gan(root / kind, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_training_ends_where_an_unbroken_one_does(
    root: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    class KilledError(Exception):
        pass

    class Killed(PairTraining):
        def batches(self, first: int, last: int):
            if first:
                raise KilledError
            return super().batches(first, last)

    flags = settings(root, kind, f"stopped-{kind}")
    with monkeypatch.context() as patch:
        patch.setattr(pairs, "PairTraining", Killed)
        with pytest.raises(KilledError):
            train_prior(flags)
    assert (flags.out / "training" / "pair" / "checkpoint" / "steps").read_text() == "4"
    assert train_prior(flags) == 0
    unbroken, resumed = (load_file(folder / "generator.safetensors") for folder in (root / kind, flags.out))
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value, rtol=2e-3, atol=2e-3)
    cards = [json.loads((folder / "card.json").read_text())["figures"] for folder in (root / kind, flags.out)]
    assert cards[0] == pytest.approx(cards[1], abs=1e-3)


def test_a_generator_of_another_target_is_told_of(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = GeneratorCard.read(root / "cgan", "cgan")
    card.warn_unless_made_for(card.target_hash, "here")
    assert not caplog.records
    card.warn_unless_made_for("another", "here")
    assert "labels were made by another model" in caplog.text
    card.check_fits(CLASSES, SIDE, "here")
    with pytest.raises(UsageError, match="which has 6 classes, and the target has 7"):
        card.check_fits(CLASSES + 1, SIDE, "here")
    with pytest.raises(UsageError, match="makes pictures of 16 pixels, and the target takes 32"):
        card.check_fits(CLASSES, 32, "here")
    caplog.clear()
    plain = GeneratorCard.read(root / "gan", "gan")
    plain.check_fits(99, SIDE, "here")
    plain.warn_unless_made_for("another", "here")
    assert not caplog.records


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "tests.train.generator_making:other_target"}, "target was [0-9a-f]{16} and is [0-9a-f]{16}"),
        ({"alpha": 0.5}, "--alpha was 0.2 and is 0.5"),
    ],
)
def test_a_finished_training_is_not_taken_for_one_of_another_target(
    root: Path, changes: dict[str, object], message: str
) -> None:
    before = (root / "cgan" / "card.json").read_text()
    with pytest.raises(UsageError, match=rf"pair/checkpoint is of another training \({message}\)"):
        train_prior(settings(root, "cgan", "cgan", **changes))
    assert (root / "cgan" / "card.json").read_text() == before


def test_public_pictures_of_the_targets_classes_are_refused(root: Path) -> None:
    with pytest.raises(UsageError, match=r"public pictures show 1 classes of .*, such as 'person-9'"):
        train_prior(settings(root, "cgan", "none", target="tests.train.generator_making:target_of_a_person"))


def test_a_generator_of_another_size_than_the_targets_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="--size 16: resnet18-tinyimagenet takes pictures of 128 pixels"):
        train_prior(settings(root, "cgan", "none", target="resnet18-tinyimagenet"))


def test_flags_that_do_not_fit_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="learns from the answers of the classifier"):
        train_prior(settings(root, "cgan", "none", target=None))
    with pytest.raises(UsageError, match="is of no target"):
        train_prior(settings(root, "gan", "some", target=TARGET))
    with pytest.raises(UsageError, match="expected a side of 8, 16"):
        train_prior(settings(root, "gan", "odd", size=20))
    assert dispatch(["train", "prior", "--kind", "cgan", "--data", "x", "--out", str(root / "y")], {}) == 2
    assert "give --target" in capsys.readouterr().err
