"""Defences of a classifier's training pictures: frozen layers, dependence, the bottleneck, smoothed labels."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keyhole.service.errors import UsageError
from keyhole.targets import Preprocess
from keyhole.train.defences.base import DefenceStep
from keyhole.train.defences.classifier.base import ClassifierMethod
from keyhole.train.defences.classifier.bido import Bido
from keyhole.train.defences.classifier.command import ClassifierSteps, lesson_of
from keyhole.train.defences.classifier.dependence import coco, gaussian_kernel, hsic, linear_kernel
from keyhole.train.defences.classifier.mid import Bottleneck, Mid, divergence
from keyhole.train.defences.classifier.smoothing import Smoothing
from keyhole.train.defences.classifier.tl_dmi import TlDmi
from keyhole.train.defences.registry import method_named
from keyhole.train.loop import Round, run_plan
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.smoothing import smoothed_cross_entropy
from keyhole.train.tasks.classification import Classification, LabelledPictures
from tests.train.patrol_making import SIDE, class_folders, classifier


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("data"))


def lesson(root: Path, method: ClassifierMethod, epochs: int = 2, network: nn.Module | None = None):
    network = network or classifier()
    data = [LabelledPictures.load(root, name) for name in ("train", "val")]
    how = TrainingRecipe(stages=((SIDE, epochs),), batch=16, learning_rate=0.01, optimiser="adamw", label_smoothing=0.0)
    task = Classification(network, *data, Preprocess(SIDE), how)
    return method.training(lesson_of(task, network, method, seed=0))


def trained(root: Path, out: Path, method: ClassifierMethod, epochs: int = 2) -> nn.Module:
    training = lesson(root, method, epochs)
    run_plan(ClassifierSteps(training, None), out)
    return training.network().eval()


def step(root: Path) -> DefenceStep:
    data = LabelledPictures.load(root, "train")
    chosen = torch.arange(0, 48, 3)
    return DefenceStep(0.5, Preprocess(SIDE).normalise(data.pictures[chosen] / 255), data.labels[chosen])


def accuracy(network: nn.Module, root: Path) -> float:
    data = LabelledPictures.load(root, "val")
    with torch.no_grad():
        answers = network(Preprocess(SIDE).normalise(data.pictures / 255))
    return (answers.argmax(1) == data.labels).float().mean().item()


@pytest.mark.parametrize(
    "method", [TlDmi("layer1"), Bido(frozen="layer1"), Mid(frozen="layer1"), Smoothing(frozen="layer1")]
)
def test_what_is_frozen_stays_as_it_was_to_the_bit_and_the_rest_learns(
    method: ClassifierMethod, root: Path, tmp_path: Path
) -> None:
    before, after = classifier().state_dict(), trained(root, tmp_path, method).state_dict()
    assert before.keys() == after.keys()
    frozen = [name for name in before if name.startswith(("conv1.", "bn1.", "layer1."))]
    assert {"bn1.running_mean", "layer1.1.bn2.running_var", "bn1.num_batches_tracked"} <= set(frozen)
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for name in ("layer2.0.conv1.weight", "layer2.0.bn1.running_mean", "fc.weight"):
        assert not torch.equal(before[name], after[name])


@pytest.mark.parametrize("method", [TlDmi("layer1"), Bido(frozen="layer1"), Mid(0.01)])
def test_a_stopped_training_ends_where_an_unbroken_one_does(
    method: ClassifierMethod, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = trained(root, tmp_path / "a", method, epochs=3).state_dict()

    class KilledError(Exception):
        pass

    def killed(_plan: ClassifierSteps, _module: nn.Module, done: Round) -> str:
        if done.steps > 3:
            raise KilledError
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(ClassifierSteps, "report", killed)
        with pytest.raises(KilledError):
            trained(root, tmp_path / "b", method, epochs=3)
    resumed = trained(root, tmp_path / "b", method, epochs=3).state_dict()
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value)


def test_without_a_frozen_module_all_learns_statistics_too(root: Path, tmp_path: Path) -> None:
    before, after = classifier().state_dict(), trained(root, tmp_path, Bido()).state_dict()
    assert not any(torch.equal(before[name], after[name]) for name in ("conv1.weight", "bn1.running_mean"))


def test_nothing_is_left_to_learn_behind_the_last_layer(root: Path) -> None:
    with pytest.raises(UsageError, match="frozen=fc: nothing is left to learn"):
        lesson(root, TlDmi("fc"))
    with pytest.raises(UsageError, match="no point 'layer9'"):
        lesson(root, TlDmi("layer9"))


def numpy_kernel(samples: Tensor) -> np.ndarray:
    flat = samples.flatten(1).double().numpy()
    squared = ((flat[:, None] - flat[None]) ** 2).sum(-1)
    return np.exp(-squared / (2 * 25 * flat.shape[1]))


def test_hsic_and_coco_are_those_of_their_papers() -> None:
    """Written out in double precision with centring matrices and inverses."""
    generator = torch.Generator().manual_seed(0)
    one, labels = torch.randn(12, 3, 4, generator=generator), torch.arange(12) % 3
    other = one[:, :2] * 3 + torch.randn(12, 2, 4, generator=generator)
    truth = torch.nn.functional.one_hot(labels).float()
    centre = np.eye(12) - np.ones((12, 12)) / 12
    first, second = (centre @ numpy_kernel(samples) @ centre for samples in (one, other))
    third = centre @ (truth.numpy() @ truth.numpy().T) @ centre

    def normalised(kernel: np.ndarray) -> np.ndarray:
        return kernel @ np.linalg.inv(kernel + 1e-5 * 12 * np.eye(12))

    for mine, theirs in ((first, second), (second, third)):
        kernels = {
            id(first): gaussian_kernel(one), id(second): gaussian_kernel(other), id(third): linear_kernel(truth)
        }  # fmt: skip
        ours = kernels[id(mine)], kernels[id(theirs)]
        expected = np.trace(normalised(mine) @ normalised(theirs))
        assert float(hsic(*ours)) == pytest.approx(expected, rel=0.02)
        expected = np.sqrt(np.linalg.norm(mine @ theirs)) / 12
        assert float(coco(*ours)) == pytest.approx(expected, rel=1e-3)


def test_dependent_samples_measure_more() -> None:
    generator = torch.Generator().manual_seed(0)
    one, noise = torch.randn(64, 2, generator=generator), torch.randn(64, 2, generator=generator)
    for measure in (hsic, coco):
        own, near, far = (
            float(measure(gaussian_kernel(5 * one), gaussian_kernel(5 * other)))
            for other in (one, one + 0.3 * noise, noise)
        )
        assert own > near > far >= 0


def test_bido_weighs_both_dependences_of_the_layers_that_learn(root: Path) -> None:
    batch = step(root)
    training = lesson(root, Bido("hsic", inputs=0.1, labels=2.0))
    assert training.layers == ("layer1.1", "layer2.0")
    network = training.lesson.trainee.network.train()
    features: list[Tensor] = []
    with torch.no_grad():
        for layer in (network.layer1, network.layer2):
            layer.register_forward_hook(lambda *given: features.append(given[2]))
        losses = training.losses(batch, torch.Generator())
    with torch.no_grad():
        features.clear()
        network(batch.inputs)
    shown = LabelledPictures.load(root, "train").pictures[torch.arange(0, 48, 3)] / 255  # in [0, 1], as published
    pictures, classes = gaussian_kernel(shown), linear_kernel(torch.eye(3)[batch.labels])
    on_pictures = sum(hsic(pictures, gaussian_kernel(each)) for each in features)
    on_classes = sum(hsic(gaussian_kernel(each), classes) for each in features)
    assert float(losses["on pictures"]) == pytest.approx(0.1 * float(on_pictures), rel=1e-3)
    assert float(losses["on classes"]) == pytest.approx(-2.0 * float(on_classes), rel=1e-3)
    assert lesson(root, Bido(frozen="layer1")).layers == ("layer2.0",)
    assert lesson(root, Bido(layers="layer1.0+fc")).layers == ("layer1.0", "fc")
    with pytest.raises(UsageError, match="no layer that learns has features"):
        lesson(root, Bido(frozen="layer2"))


def test_bido_has_the_published_weights_of_its_measure() -> None:
    assert (Bido("hsic").weights, Bido("coco").weights) == ((0.05, 0.5), (1.0, 50.0))
    assert Bido("coco", labels=2.0).weights == (1.0, 2.0)


def test_bido_lowers_the_dependence_on_pictures(root: Path, tmp_path: Path) -> None:
    pictures = gaussian_kernel(Preprocess(SIDE).restore(step(root).inputs))

    def dependence(weight: float) -> float:
        network = trained(root, tmp_path / str(weight), Bido(inputs=weight, labels=0.0), epochs=12)
        with torch.no_grad():
            features = network.layer1(network.relu(network.bn1(network.conv1(step(root).inputs))))
        assert accuracy(network, root) > 0.9
        return float(hsic(pictures, gaussian_kernel(features)))

    assert dependence(1.0) < 0.9 * dependence(0.0)


def test_the_bottlenecks_divergence_is_that_of_two_gaussians() -> None:
    means, deviations = torch.randn(5, 4), torch.rand(5, 4) + 0.1
    one = torch.distributions.Normal(means, deviations)
    expected = torch.distributions.kl_divergence(one, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(means, deviations), expected)


def test_mid_is_stored_as_one_layer_that_answers_with_the_mean(root: Path, tmp_path: Path) -> None:
    training = lesson(root, Mid(0.01), epochs=12)
    run_plan(ClassifierSteps(training, None), tmp_path)
    stored = training.network().eval()
    assert stored.state_dict().keys() == classifier().state_dict().keys()
    features = copy.deepcopy(stored)
    features.fc = nn.Identity()
    inputs = torch.randn(6, 3, SIDE, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(stored(inputs), training.bottleneck(features(inputs)), rtol=1e-4, atol=1e-5)
    assert accuracy(stored, root) > 0.9


def test_more_weight_leaves_the_code_less(root: Path, tmp_path: Path) -> None:
    def code(weight: float) -> float:
        training = lesson(root, Mid(weight), epochs=6)
        run_plan(ClassifierSteps(training, None), tmp_path / str(weight))
        with torch.no_grad():
            return float(
                divergence(*training.bottleneck.code(training.lesson.trainee.eval()(step(root).inputs))).mean()
            )

    assert code(1.0) < 0.8 * code(0.0)


def test_a_bottleneck_has_half_the_features() -> None:
    bottleneck = Bottleneck(nn.Linear(12, 3), seed=0)
    means, deviations = bottleneck.code(torch.randn(2, 12))
    assert means.shape == deviations.shape == (2, 6)
    assert (deviations > 0).all()


@pytest.mark.parametrize("weight", [-0.5, 0.0, 0.3])
def test_smoothed_labels_are_those_of_the_formula(weight: float) -> None:
    logits, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    log = np.log(np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True))
    own = -log[np.arange(6), labels.numpy()]
    expected = ((1 - weight) * own + weight * -log.mean(1)).mean()
    assert float(smoothed_cross_entropy(logits, labels, weight)) == pytest.approx(expected)


def test_negative_smoothing_makes_a_classifier_surer(root: Path, tmp_path: Path) -> None:
    def doubt(weight: float) -> float:
        network = trained(root, tmp_path / str(weight), Smoothing(weight=weight), epochs=6)
        with torch.no_grad():
            return float(1 - network(step(root).inputs).softmax(1).amax(1).mean())

    assert doubt(-0.3) < doubt(0.0) < doubt(0.3)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tl-dmi:frozen=", "no setting 'frozen' with a value"),
        ("bido:measure=mi", "measure=mi: expected one of hsic, coco"),
        ("bido:inputs=-1", "inputs=-1.0: expected a finite number"),
        ("mid:weight=nan", "weight=nan: expected a finite number"),
        ("smoothing:weight=1", r"weight=1.0: expected a finite number, less than 1"),
    ],
)
def test_bad_settings_are_explained(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        method_named(word)


def test_a_frozen_module_makes_any_method_tl_dmi_too() -> None:
    for word, name in (
        ("tl-dmi:frozen=layer3", "tl-dmi"), ("bido", "bido"), ("bido:frozen=layer2", "tl-dmi+bido"), ("mid", "mid"),
    ):  # fmt: skip
        own, method = method_named(word)
        assert isinstance(method, ClassifierMethod)
        assert method.protection(own) == name
