"""What generators and critics minimise, each term against numpy on a pair that is small enough to write out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.classes.base import Answer
from keyhole.attacks.classes.losses import own
from keyhole.train.prior import conditional_gan, inversion_gan, wasserstein
from keyhole.train.prior.adversarial import AdversarialBatch, AdversarialPair
from keyhole.train.prior.students import divergence

PLACES, CLASSES = 4, 3


class Generator(nn.Module):
    """Two numbers to a grey picture of 2×2 pixels, brighter for higher classes."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        shift = 0.0 if labels is None else labels[:, None, None, None] / 10
        return (z.sum(dim=1).sigmoid()[:, None, None, None] + shift).expand(-1, 3, 2, 2)


class Critic(nn.Module):
    """Linear in the pixels of the first channel, with three logits or a score for a class."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.last = nn.Linear(PLACES, CLASSES)

    def features(self, pictures: Tensor) -> Tensor:
        return pictures[:, 0].flatten(1)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        logits = self.last(self.features(pictures))
        return logits if labels is None else own(logits, labels)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> AdversarialPair:
    for module in (conditional_gan, inversion_gan, wasserstein):
        monkeypatch.setattr(module, "augmented", lambda pictures: pictures)
    return AdversarialPair(Generator(), Critic())


@pytest.fixture
def batch() -> AdversarialBatch:
    torch.manual_seed(1)
    pictures = torch.randint(0, 256, (5, 3, 2, 2), dtype=torch.uint8)
    labels, wanted = torch.tensor([0, 2, 1, 1, 0]), torch.tensor([2, 2, 0, 1, 0])
    return AdversarialBatch(pictures, labels, torch.tensor([7, 0, 3, 3, 1]), torch.randn(5, 2), wanted, 4, makes=False)


def logits_of(pair: AdversarialPair, features: np.ndarray) -> np.ndarray:
    weight, bias = (value.detach().double().numpy() for value in (pair.critic.last.weight, pair.critic.last.bias))
    return features @ weight.T + bias


def seen(batch: AdversarialBatch, *, labelled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Features of the real pictures and of the made ones."""
    real = batch.pictures[:, 0].flatten(1).double().numpy() / 255
    bright = 1 / (1 + np.exp(-batch.z.double().numpy().sum(1))) + (batch.wanted.numpy() / 10 if labelled else 0)
    return real, np.repeat(bright[:, None], PLACES, axis=1)


def test_the_wasserstein_pair(pair: AdversarialPair, batch: AdversarialBatch) -> None:
    real, made = (logits_of(pair, features) for features in seen(batch, labelled=False))
    told = wasserstein.WassersteinLosses().critic(pair, batch)
    assert float(told["critic"].detach()) == pytest.approx(made.mean() - real.mean(), abs=1e-6)
    steepness = np.linalg.norm(pair.critic.last.weight.detach().double().numpy().sum(0))
    assert float(told["penalty"].detach()) == pytest.approx(10 * (steepness - 1) ** 2, rel=1e-4)
    assert float(wasserstein.WassersteinLosses().generator(pair, batch)["generator"].detach()) == pytest.approx(
        -made.mean(), abs=1e-6
    )


def test_the_conditional_pair(pair: AdversarialPair, batch: AdversarialBatch) -> None:
    real, made = (logits_of(pair, features) for features in seen(batch, labelled=True))
    real, made = real[range(5), batch.labels.numpy()], made[range(5), batch.wanted.numpy()]

    def classify(pictures: Tensor) -> Answer:
        bright = pictures.mean(dim=(1, 2, 3))[:, None]
        return Answer(torch.cat([bright * 0, bright * 0, bright], dim=1), bright)

    losses = conditional_gan.ConditionalLosses(classify, lambda answer, labels: -own(answer.logits, labels), 0.2)
    expected = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + made).mean()
    assert float(losses.critic(pair, batch)["critic"].detach()) == pytest.approx(expected, rel=1e-5)
    told = losses.generator(pair, batch)
    assert float(told["generator"].detach()) == pytest.approx(-made.mean(), abs=1e-6)
    bright = seen(batch, labelled=True)[1][:, 0] * (batch.wanted.numpy() == 2)
    assert float(told["target"].detach()) == pytest.approx(
        -0.2 * bright.mean(), rel=0.2
    )  # views are brighter or darker


def test_the_inversion_pair(pair: AdversarialPair, batch: AdversarialBatch) -> None:
    answers = torch.rand(8, CLASSES, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    features = seen(batch, labelled=False)
    real, made = (np.exp(logits_of(pair, each)) for each in features)
    losses = inversion_gan.InversionLosses(answers)
    told = losses.critic(pair, batch)
    wanted = answers[batch.places].double().numpy()
    classes = -(wanted * np.log(real / real.sum(1, keepdims=True))).sum(1).mean()
    assert float(told["labels"].detach()) == pytest.approx(classes, rel=1e-5)
    is_real, is_made = (each.sum(1) / (each.sum(1) + 1) for each in (real, made))
    both = -(np.log(is_real).mean() + np.log(1 - is_made).mean()) / 2
    assert float(told["real"].detach()) == pytest.approx(both, rel=1e-5)
    told = losses.generator(pair, batch)
    apart = np.abs(features[0].mean(0) - features[1].mean(0)).mean()
    assert float(told["features"].detach()) == pytest.approx(apart, rel=1e-5)
    shares = made / made.sum(1, keepdims=True)
    assert float(told["entropy"].detach()) == pytest.approx(-1e-4 * (shares * np.log(shares)).sum(1).mean(), rel=1e-5)


def test_a_student_learns_from_the_divergence_of_its_answers_from_the_targets() -> None:
    logits, told = torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64).softmax(dim=1)
    shares = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    expected = (told.numpy() * np.log(told.numpy() / shares)).sum(1).mean()
    assert float(divergence(logits, told)) == pytest.approx(expected)
    assert float(divergence(logits, torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]])) == pytest.approx(
        -np.log(shares[range(4), [0, 1, 2, 0]]).mean()
    )
