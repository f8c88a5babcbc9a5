"""Losses of class attacks against computations of their own, and the words that name them."""

import math

import pytest
import torch
from torch import Tensor

from keyhole.attacks.classes.base import Answer
from keyhole.attacks.classes.losses import LIKED, LOSSES, loss_named
from keyhole.service.errors import UsageError
from tests.attacks.tiny_classes import CLASSES, white_box

LABELS = torch.tensor([2, 0, 5])


@pytest.fixture(scope="module")
def logits() -> Tensor:
    return 3 * torch.randn(3, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(word: str, scores: list[float], label: int) -> float:
    """A loss of one picture from its formula, without tensors."""
    own, others = scores[label], sorted((s for at, s in enumerate(scores) if at != label), reverse=True)
    length = sum(map(abs, scores))
    u, v = [s / length for s in scores], [(1 - 1e-4) * (at == label) for at in range(len(scores))]
    apart = sum((a - b) ** 2 for a, b in zip(u, v, strict=True))
    inside = (1 - sum(a * a for a in u)) * (1 - sum(b * b for b in v))
    return {
        "ce": math.log(sum(math.exp(s) for s in scores)) - own,
        "max-margin": others[0] - own,
        "logit": -own,
        "top-k": sum(others[:4]) / 4 - own,  # a tenth of the 40 classes
        "top-k:k=7": sum(others[:7]) / 7 - own,
        "top-k:k=1": others[0] - own,
        "poincare": math.acosh(1 + 2 * apart / inside),
    }[word]


@pytest.mark.parametrize("word", ["ce", "max-margin", "logit", "top-k", "top-k:k=7", "top-k:k=1", "poincare"])
def test_each_loss_is_its_formula(word: str, logits: Tensor) -> None:
    answer = Answer(logits, torch.zeros(3, 4))
    losses = loss_named(word).ready(white_box())(answer, LABELS)
    expected = [by_hand(word, row, label) for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True)]
    assert losses.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("word", LOSSES)
def test_a_step_against_the_gradient_raises_the_class(word: str, logits: Tensor) -> None:
    free = logits.clone().requires_grad_(True)
    losses = loss_named(word).ready(white_box())(Answer(free, torch.zeros(3, 4)), LABELS)
    (gradient,) = torch.autograd.grad(losses.sum(), free)
    assert gradient.isfinite().all()
    assert (gradient.gather(1, LABELS[:, None]) < 0).all()


def test_a_loss_of_the_right_answer_stays_finite() -> None:
    sure = torch.full((1, CLASSES), -0.0).index_fill(1, torch.tensor([1]), 40.0).requires_grad_(True)
    for name in LOSSES:
        loss = loss_named(name).ready(white_box())(Answer(sure, torch.zeros(1, 2)), torch.tensor([1]))
        (gradient,) = torch.autograd.grad(loss.sum(), sure)
        assert loss.isfinite().all(), name
        assert gradient.isfinite().all(), name


def test_p_reg_of_a_class_is_the_centroid_of_the_pictures_that_the_classifier_likes() -> None:
    known = white_box()
    labels = torch.tensor([1, 4, 1])
    answer = known.classify(torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(3)))
    plain = loss_named("logit").ready(known)(answer, labels)
    reg = loss_named("logit:p-reg=0.5").ready(known)(answer, labels)
    scores = known.classify(known.public())
    for at, label in enumerate(labels.tolist()):
        chances = scores.logits.softmax(dim=1)[:, label].tolist()
        liked = sorted(range(len(chances)), key=lambda place, chances=chances: -chances[place])[:LIKED]
        centre = sum(scores.features[place] for place in liked) / LIKED
        expected = 0.5 * ((answer.features[at] - centre) ** 2).sum() / len(centre)
        assert float(reg[at] - plain[at]) == pytest.approx(float(expected), rel=1e-4)


def test_lommas_p_reg_is_one_gaussian_for_all_classes() -> None:
    known = white_box()
    labels = torch.tensor([0, 3])
    features = known.classify(known.public()).features
    answer = Answer(torch.zeros(2, CLASSES), torch.zeros(2, 12))
    mean = loss_named("logit:p-reg=1,towards=mean").ready(known)(answer, labels)
    assert mean.tolist() == pytest.approx([float(features.mean(dim=0).square().mean())] * 2, rel=1e-4)
    drawn = loss_named("logit:p-reg=1,towards=draw").ready(known)(answer, labels)
    alone = loss_named("logit:p-reg=1,towards=draw").ready(known)(
        Answer(answer.logits[1:], answer.features[1:]), labels[1:]
    )
    assert drawn[0] != drawn[1]
    assert alone[0] == drawn[1]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("top-q", "did you mean top-k"),
        ("top-k:k=0", "1 or more"),
        ("ce:p-reg=-1", "0 or more"),
        ("ce:towards=left", "class, mean, draw"),
        ("ce:k=3", "no setting 'k'"),
    ],
)
def test_a_wrong_word_is_told_what_there_is(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loss_named(word)
