"""Re-identification: batches, loss, training."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from keyhole.targets.target import TargetError
from keyhole.train.augment import erase, recolour
from keyhole.train.loop import train_task
from keyhole.train.recipe import TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.reid_learner import ReidLearner, ReidLoss, leave_out_patches
from keyhole.train.tasks.reidentification import RECIPES, check_pk, pk_batches, recipe_for
from tests.train.making import PREPROCESS, boards, lesson, neck_of, network, trial


def test_batches_hold_p_identities_with_k_pictures_each() -> None:
    identities = torch.arange(10).repeat_interleave(6)
    before = np.random.get_state()[1].copy()
    batches = list(pk_batches(identities, 12, 3, seed=4))
    assert (np.random.get_state()[1] == before).all()
    assert len(batches) == 5
    for batch in batches:
        assert len(batch.unique()) == 12
        _, counts = identities[batch].unique(return_counts=True)
        assert counts.tolist() == [3, 3, 3, 3]
    again, other = (list(pk_batches(identities, 12, 3, seed=seed)) for seed in (4, 5))
    assert all(torch.equal(left, right) for left, right in zip(batches, again, strict=True))
    assert not all(torch.equal(left, right) for left, right in zip(batches, other, strict=True))


def test_an_identity_with_few_pictures_gives_them_twice() -> None:
    identities = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    for batch in pk_batches(identities, 8, 4, seed=0):
        assert identities[batch].bincount().tolist() == [4, 4]


@pytest.mark.parametrize(
    ("batch", "each", "message"),
    [
        (12, 5, "expected 2 or more of each, and a multiple"),
        (8, 1, "expected 2 or more"),
        (4, 4, "2 identities or more"),
        (48, 4, "needs 12 identities with 4 pictures each; there are 10 identities and 60 pictures"),
        (80, 8, "there are 10 identities and 60 pictures"),
    ],
)
def test_batches_that_cannot_be_made(batch: int, each: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_pk(torch.arange(10).repeat_interleave(6), batch, each)


def test_the_loss_is_cross_entropy_plus_hardest_triplets() -> None:
    torch.manual_seed(1)
    features, logits = torch.randn(12, 5, requires_grad=True), torch.randn(12, 4)
    points, labels = features.detach(), torch.arange(4).repeat(3)
    terms = []
    for anchor in range(12):
        distance = [float((points[anchor] - other).square().sum().sqrt()) for other in points]
        same = [distance[i] for i in range(12) if labels[i] == labels[anchor] and i != anchor]
        different = [distance[i] for i in range(12) if labels[i] != labels[anchor]]
        terms.append(max(0.0, max(same) - min(different) + 0.7))
    share = logits.log_softmax(1)
    entropy = [-(0.8 * row[label] + 0.2 * row.mean()) for row, label in zip(share, labels, strict=True)]
    expected = sum(terms) / 12 + float(sum(entropy)) / 12
    loss = ReidLoss(margin=0.7, smoothing=0.2)(features, logits, labels)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_triplets_that_keep_the_margin_cost_nothing() -> None:
    features = torch.tensor([[0.0, 0], [0, 1], [9, 0], [9, 1]])
    labels = torch.tensor([0, 0, 1, 1])
    logits = torch.full((4, 2), 0.0)
    assert float(ReidLoss(0.3, 0.0)(features, logits, labels)) == pytest.approx(np.log(2))


def test_the_network_is_the_learner_without_the_classifier() -> None:
    learner = ReidLearner(network(), 5).eval()
    pictures = torch.rand(3, 3, 16, 16)
    features, logits, _ = learner(pictures)
    embedding = learner.network()(pictures)
    assert torch.equal(embedding, learner.neck(features))
    assert torch.equal(logits, embedding @ learner.classifier.weight.T)
    assert learner.classifier.bias is None
    assert learner.network().state_dict().keys() == network().state_dict().keys()


def test_an_imprinted_learner_goes_on_where_the_training_of_its_network_ended() -> None:
    pictures, identities = torch.rand(8, 3, 16, 16), torch.tensor([0, 1, 2, 3] * 2)
    pictures[4:] = (pictures[:4] + 0.02 * torch.rand(4, 3, 16, 16)).clamp(0, 1)
    learner = ReidLearner(network(), 4, taught=neck_of(network())[0].numel()).eval()
    turn = torch.linalg.qr(torch.randn(learner.classifier.in_features, learner.classifier.in_features))[0]
    with torch.no_grad():
        embeddings = torch.nn.functional.normalize(learner.network()(pictures))
        learner.imprint(embeddings, embeddings @ turn, identities)
        _, logits, taught = learner(pictures)
    assert torch.equal(logits.argmax(1), identities)
    assert taught is not None
    assert torch.allclose(torch.nn.functional.normalize(taught), embeddings @ turn, atol=1e-4)
    means = torch.stack([embeddings[identities == identity].mean(0) for identity in range(4)])
    cosines = torch.nn.functional.cosine_similarity(learner.classifier.weight[:, None], means[None], dim=-1)
    assert torch.allclose(cosines.diagonal(), torch.ones(4), atol=1e-5)
    lengths = learner.classifier.weight.norm(dim=1)
    assert torch.allclose(lengths * embeddings.shape[1] ** 0.5, torch.full((4,), 16.0), atol=1e-4)


def test_unseen_identities_are_found_better_after_training_and_the_neck_has_no_bias(tmp_path: Path) -> None:
    tested = trial(boards(24, 4, seed=1), 4)
    before = tested.retrieval(network(), PREPROCESS).rank_1
    task = lesson(boards(48, 6, seed=0), tested, 12)
    assert task.tested_on == {
        **{"identities": 24, "pictures": 96, "probes": 24},
        **{"selection_identities": 24, "selection_pictures": 96, "selection_probes": 24},
    }
    trained = train_task(task, tmp_path)
    after = tested.retrieval(trained, PREPROCESS).rank_1
    assert after > 0.5
    assert after > before + 0.1
    weight, bias = neck_of(trained)
    assert not bias.any()
    assert (weight != 1).any()


def test_a_stopped_run_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class KilledError(Exception):
        pass

    data, tested = boards(10, 8, seed=0), trial(boards(4, 3, seed=1), 3)
    unbroken = train_task(lesson(data, tested, 3), tmp_path / "a")

    stopped = lesson(data, tested, 3)
    assess = stopped.assess
    answers = iter((assess,))

    def killed_in_the_second(module: nn.Module, size: int) -> str:
        for answer in answers:
            return answer(module, size)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(stopped, "assess", killed_in_the_second)
        with pytest.raises(KilledError):
            train_task(stopped, tmp_path / "b")
    resumed = train_task(lesson(data, tested, 3), tmp_path / "b").state_dict()
    said = capsys.readouterr().out
    assert [said.count(f"epoch {epoch}/3") for epoch in (1, 2, 3)] == [2, 2, 2], "what was stopped is told again"
    for name, value in unbroken.state_dict().items():
        torch.testing.assert_close(resumed[name], value)


def test_erased_rectangles_and_changed_colours_are_seeded_and_stay_in_range() -> None:
    pictures = torch.rand(40, 3, 20, 24)
    for change in (lambda g: erase(pictures, g, 0.5), lambda g: recolour(pictures, g, 0.3)):
        first, again = (change(torch.Generator().manual_seed(2)) for _ in range(2))
        assert torch.equal(first, again)
        assert 0 <= first.min() <= first.max() <= 1
    erased = (erase(pictures, torch.Generator().manual_seed(2), 0.5) != pictures).any(1).flatten(1).float().mean(1)
    assert 8 < (erased > 0).sum() < 32
    assert erased.max() < 0.5
    assert torch.equal(erase(pictures, torch.Generator(), 0.0), pictures)


def test_flags_change_the_recipe_of_the_architecture() -> None:
    settings = TrainSettings(data="streetcam", out=Path("x"), architecture="timm:vit_tiny_patch16_224")
    assert recipe_for(settings) == RECIPES["*vit_*"]
    assert recipe_for(replace(settings, architecture="conv-stem:vit_tiny_patch16_224")) == RECIPES["*vit_*"]
    assert recipe_for(TrainSettings(data="faces", out=Path("x"), size=96)).stages == ((64, 10), (96, 2), (96, 1))
    cats = TrainSettings(data="cats", out=Path("x"), size=224)
    assert adjusted(TrainingRecipe(), cats).stages == ((64, 8), (96, 3), (224, 1))
    changed = TrainSettings(data="streetcam", out=Path("x"), stages=("64:2", "96:1"), batch=24, per_identity=3, seed=7)
    made = recipe_for(changed)
    assert (made.stages, made.batch, made.per_identity, made.seed) == (((64, 2), (96, 1)), 24, 3, 7)
    assert (made.crop, made.learning_rate) == (RECIPES["*"].crop, RECIPES["*"].learning_rate)


def transformer() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=4)


def seen(network: nn.Module) -> int:
    """Tokens that reach the first block."""
    counts = []
    handle = network.blocks[0].register_forward_hook(lambda _block, args, _answer: counts.append(args[0].shape[1]))  # type: ignore[index,operator,union-attr]
    network(torch.rand(2, 3, 32, 32))
    handle.remove()
    return int(counts[0])


def test_a_share_of_the_patches_is_left_out_in_training_alone() -> None:
    whole, part = transformer(), transformer()
    leave_out_patches(part, 0.5)
    assert part.state_dict().keys() == whole.state_dict().keys()
    assert (seen(whole.train()), seen(part.train())) == (17, 9)
    pictures = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(part.eval()(pictures), whole.eval()(pictures), rtol=0, atol=0)


def test_without_a_share_nothing_changes() -> None:
    network = nn.Conv2d(3, 4, 1)
    before = copy.deepcopy(network)
    leave_out_patches(network, 0.0)
    assert str(network) == str(before)


@pytest.mark.parametrize("share", [-0.5, 1.0])
def test_no_share_is_refused(share: float) -> None:
    with pytest.raises(TargetError, match="expected 0 or more, and less than 1"):
        leave_out_patches(transformer(), share)


def test_networks_without_patches_are_refused() -> None:
    with pytest.raises(TargetError, match="no patches"):
        leave_out_patches(nn.Conv2d(3, 4, 1), 0.5)
