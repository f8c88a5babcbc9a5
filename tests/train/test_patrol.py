"""PATROL's training: which way each step goes, that it resumes, and what it leaves."""

import copy
import dataclasses
import math
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from keyhole.data.labelled import LabelledPictures
from keyhole.partition import profile, split, survey
from keyhole.partition.memory import footprints
from keyhole.partition.pruning.plan import PruningPlan
from keyhole.partition.pruning.surgery import structures_before
from keyhole.targets import Preprocess
from keyhole.train.defences.patrol.command import block_ends
from keyhole.train.defences.patrol.loop import Patrol
from keyhole.train.defences.patrol.masks import Masks
from keyhole.train.defences.patrol.memory import MemoryGoal
from keyhole.train.defences.patrol.objective import Objective, Surrogate
from keyhole.train.defences.patrol.settings import FAST, PAPER, NormName, PatrolRecipe, PatrolSettings
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.split import Blocks
from keyhole.train.task import Batch, Task
from keyhole.train.tasks.classification import Classification
from keyhole.train.tasks.reidentification import Reidentification
from keyhole.train.tuning import make_trainable
from tests.train import making
from tests.train.patrol_making import SIDE, classifier, embedder

EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)
QUICK = dataclasses.replace(FAST, stages=((0.5, 1), (1.0, 2)), batch=8, steps=4, ratio=0.5)


@pytest.fixture(scope="module")
def pictures() -> dict[str, LabelledPictures]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat(16)
    bright = torch.eye(3)[labels][:, :, None, None]
    names = ("class-0", "class-1", "class-2")

    def drawn() -> LabelledPictures:
        noise = torch.rand(48, 3, SIDE, SIDE, generator=generator)
        return LabelledPictures((255 * (0.5 * bright + 0.5 * noise)).to(torch.uint8), labels, names)

    return {"train": drawn(), "val": drawn()}


def lesson(pictures: dict[str, LabelledPictures], recipe: PatrolRecipe = QUICK) -> tuple[Task, nn.Module]:
    network = classifier()
    make_trainable(network)
    own = recipe.task_recipe(TrainingRecipe(), SIDE)
    return Classification(network, pictures["train"], pictures["val"], Preprocess(SIDE), own), network


def training(task: Task, network: nn.Module, recipe: PatrolRecipe, out: Path, cut: str = "layer2") -> Patrol:
    """As the command puts it together, for a network whose task is made already and did not take it apart."""
    surveyed = survey(network, EXAMPLE)
    ends = block_ends(surveyed, cut)
    goal = MemoryGoal.of(split(network, cut, EXAMPLE).head, footprints(network, EXAMPLE), ends[-1], recipe.ratio, None)
    masks = Masks(structures_before(surveyed, cut), network, recipe.start, torch.Generator().manual_seed(0))
    masks.make_up_for()
    return Patrol(task, network, ends, recipe, masks, goal, out)


def objective_of(task: Task, network: nn.Module, recipe: PatrolRecipe) -> tuple[Objective, Surrogate, Masks]:
    blocks = Blocks.of(network, ("layer1.1", "layer2.0"), EXAMPLE)
    masks = Masks(structures_before(survey(network, EXAMPLE), "layer2"), network, (1.0, 0.1), torch.Generator())
    surrogate = Surrogate(blocks.shape, SIDE, 3)
    nn.init.normal_(surrogate.network.body[-1].weight, std=0.05)
    network.train()
    return Objective(task, recipe, masks, surrogate, blocks), surrogate, masks


def a_batch(task: Task) -> Batch:
    return next(task.batches(SIDE, torch.Generator().manual_seed(0)))


def test_the_surrogate_learns_to_invert_and_the_head_learns_to_mislead_it(pictures) -> None:
    task, network = lesson(pictures)
    recipe = dataclasses.replace(QUICK, beta=1.0)
    objective, surrogate, _ = objective_of(task, network, recipe)
    batch = a_batch(task)

    weights = copy.deepcopy(network.state_dict())
    adam = torch.optim.Adam(surrogate.parameters(), 0.01)
    first = float(objective.inversion(batch))
    for _ in range(15):
        adam.zero_grad()
        loss = objective.inversion(batch)
        loss.backward()
        adam.step()
    learned = float(objective.inversion(batch))
    assert learned < first
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())

    known = copy.deepcopy(surrogate.state_dict())
    adam.zero_grad()
    sgd = torch.optim.SGD(network.parameters(), 0.01)
    for _ in range(5):
        sgd.zero_grad()
        objective.adversarial(batch).backward()
        sgd.step()
    assert all(parameter.grad is None for parameter in surrogate.parameters())
    assert all(parameter.requires_grad for parameter in surrogate.parameters())
    assert all(torch.equal(value, known[name]) for name, value in surrogate.state_dict().items())
    surrogate.eval()
    assert float(objective.inversion(batch)) > learned


@pytest.mark.parametrize("norm", ["picture", "batch"])
@pytest.mark.parametrize(("inverted", "apart"), [(None, 1), (3, 3), (2, 4)])
def test_equation_9_is_the_prediction_loss_less_beta_times_the_distance(
    inverted: int | None, apart: int, norm: NormName, pictures
) -> None:
    task, network = lesson(pictures)
    batch, values = a_batch(task), {}
    for beta in (0.0, 0.5, 2.0):
        recipe = dataclasses.replace(QUICK, beta=beta, inverted=inverted, norm=norm)
        objective, surrogate, masks = objective_of(task, network, recipe)
        surrogate.load_state_dict(values.setdefault("surrogate", surrogate.state_dict()))
        values[beta] = float(objective.adversarial(batch))
        values["prediction"] = float(objective.prediction(batch))
    with masks.applied():
        network.train()
        features = network.layer2(network.layer1(network.relu(network.bn1(network.conv1(batch.inputs)))))
    true = batch.inputs[::apart] * torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    true += torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    guess = surrogate.eval()(features[::apart]).clamp(0, 1)
    squares = [float((a - b).square().sum()) for a, b in zip(true, guess, strict=True)]
    distance = sum(map(math.sqrt, squares)) / len(true)
    if norm == "batch":
        distance = math.sqrt(len(batch.inputs) / len(true) * sum(squares))
    assert values[0.0] == pytest.approx(values["prediction"], abs=1e-5)
    assert values[0.0] - values[0.5] == pytest.approx(0.5 * distance, rel=1e-3)
    assert values[0.0] - values[2.0] == pytest.approx(2 * distance, rel=1e-3)


def test_the_lipschitz_step_adds_its_loss_and_leaves_the_statistics_alone(pictures) -> None:
    task, network = lesson(pictures)
    batch = a_batch(task)
    objective, _, masks = objective_of(task, network, QUICK)
    noise = torch.randn(batch.inputs.shape)
    with torch.no_grad():
        plain = float(objective.prediction(batch))
        statistics = network.bn1.running_mean.clone()
        objective.prediction(batch)
        moved_once = network.bn1.running_mean - statistics
        before = network.bn1.running_mean.clone()
        loss = float(objective.lipschitz(batch, noise))
        after = network.bn1.running_mean - before
    assert torch.allclose(after, 0.9 * moved_once, atol=1e-6)  # one update by the batch, none by the noise
    with masks.applied(), torch.no_grad():
        network.eval()
        stem = [network.relu(network.bn1(network.conv1(x))) for x in (batch.inputs, batch.inputs + noise)]
        one = [network.layer1(x.clone()) for x in stem]
        two = [network.layer2(x.clone()) for x in one]
    sizes = [(b - a).flatten(1).abs().sum(1) for a, b in ((batch.inputs, batch.inputs + noise), one, two)]
    expected = plain + 5 * float((sizes[1] / sizes[0]).max()) + 0.2 * float((sizes[2] / sizes[1]).max())
    assert loss == pytest.approx(expected, rel=1e-4)


def test_terms_that_are_switched_off_leave_the_prediction_loss(pictures) -> None:
    task, network = lesson(pictures)
    batch = a_batch(task)
    objective, *_ = objective_of(task, network, dataclasses.replace(QUICK, terms=("pruning",)))
    with torch.no_grad():
        losses = [
            float(objective.prediction(batch)),
            float(objective.adversarial(batch)),
            float(objective.lipschitz(batch, torch.randn(batch.inputs.shape))),
        ]
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-6)


def test_a_training_keeps_what_it_learned_removes_half_and_resumes_as_if_unbroken(
    pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    whole, plan = training(*lesson(pictures), QUICK, tmp_path / "a").run()

    task, network = lesson(pictures)
    assess, answers = task.assess, iter((1, 1))

    def killed_in_the_third(module: nn.Module, size: int) -> str:
        if next(answers, None) is None:
            raise KilledError
        return assess(module, size)

    with monkeypatch.context() as patch:
        patch.setattr(task, "assess", killed_in_the_third)
        with pytest.raises(KilledError):
            training(task, network, QUICK, tmp_path / "b").run()
    resumed, again = training(*lesson(pictures), QUICK, tmp_path / "b").run()
    assert again == plan
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)

    assert plan.removed
    before, after = ({row.point.cut: row for row in profile(each, EXAMPLE)} for each in (classifier(), whole))
    assert after["layer2.0"].head_bytes <= 0.5 * before["layer2.0"].head_bytes


def test_of_blocks_that_all_lose_their_mask_at_once_no_more_are_removed_than_it_takes(pictures, tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, stages=((1.0, 4),), l1=1e3, l2=0.0, mask_learning_rate=0.7e-3, ratio=0.2)
    task, network = lesson(pictures, recipe)
    surveyed = survey(network, EXAMPLE)
    structures = structures_before(surveyed, "layer2", "blocks")
    assert len(structures) == 3
    goal = MemoryGoal.of(split(network, "layer2", EXAMPLE).head, footprints(network, EXAMPLE), "layer2.0", 0.2, None)
    masks = Masks(structures, network, (1.0, 0.01), torch.Generator().manual_seed(0))
    masks.make_up_for()
    pruned, plan = Patrol(task, network, ("layer1.1", "layer2.0"), recipe, masks, goal, tmp_path).run()
    assert len(plan.removed) == 1
    assert goal.reached(pruned, EXAMPLE)


def test_rounded_widths_reach_the_goal_and_live(pictures, tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, stages=((1.0, 2),), round_to=4)
    pruned, plan = training(*lesson(pictures, recipe), recipe, tmp_path).run()
    assert plan.removed
    before, after = ({row.point.cut: row for row in profile(each, EXAMPLE)} for each in (classifier(), pruned))
    assert after["layer2.0"].head_bytes <= 0.5 * before["layer2.0"].head_bytes
    widths = [layer.num_features for layer in pruned.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all(width % 4 == 0 for width in widths)
    assert all(
        layer.weight.count_nonzero() == layer.num_features
        for layer in pruned.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )


def test_without_pruning_the_model_keeps_its_shape(pictures, tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, stages=((1.0, 1),), terms=("adversarial", "lipschitz"))
    task, network = lesson(pictures, recipe)
    trained, plan = Patrol(task, network, ("layer1.1", "layer2.0"), recipe, None, None, tmp_path).run()
    assert plan == PruningPlan("patrol", "layer2.0", ())
    assert {name: value.shape for name, value in trained.state_dict().items()} == {
        name: value.shape for name, value in classifier().state_dict().items()
    }
    assert not torch.equal(trained.get_parameter("conv1.weight"), classifier().get_parameter("conv1.weight"))


def test_an_embedding_is_trained_and_pruned_through_its_neck(tmp_path: Path) -> None:
    network = embedder()
    make_trainable(network)
    assert not network.fc.bias.requires_grad
    surveyed, ends = survey(network, EXAMPLE), ("layer1.1", "layer2.0")
    goal = MemoryGoal.of(split(network, "layer2", EXAMPLE).head, footprints(network, EXAMPLE), ends[-1], 0.5, None)
    masks = Masks(structures_before(surveyed, "layer2"), network, (1.0, 0.1), torch.Generator().manual_seed(0))
    recipe = dataclasses.replace(QUICK, stages=((1.0, 2),), batch=32)
    own = dataclasses.replace(recipe.task_recipe(making.recipe(1), SIDE), seed=0)
    train, tested = making.boards(24, 4, seed=0), making.trials(making.boards(8, 3, seed=1), 3)
    task = Reidentification(network, train, tested, making.PREPROCESS, own)
    masks.make_up_for()
    pruned, plan = Patrol(task, network, ends, recipe, masks, goal, tmp_path).run()
    (gone,) = (removal.indices for removal in plan.removed if removal.path == "layer2.0.conv2")
    assert pruned(EXAMPLE).shape == (1, 12 - len(gone))
    assert not pruned.fc.bias.any()
    parts, inputs = split(pruned, "layer2", EXAMPLE), torch.rand(3, 3, SIDE, SIDE)
    assert torch.equal(parts.tail(parts.head(inputs)), pruned(inputs))


def test_the_recipes_hyper_parameters_are_the_papers() -> None:
    assert (PAPER.l1, PAPER.l2, PAPER.beta, PAPER.alpha) == (1, 10, 4e-4, (5, 0.2, 0.01, 0.005))
    assert (PAPER.start, PAPER.threshold, PAPER.mask_rate(100)) == ((0, 1), 0, 1e-6)
    assert (PAPER.norm, FAST.norm) == ("batch", "picture")
    assert (PAPER.stages, PAPER.batch, PAPER.learning_rate, PAPER.surrogate_every) == (((1, 90),), 512, 3e-4, 10)
    assert FAST.mask_rate(480) * FAST.l1 * (480 / 2) ** 2 / 8 == pytest.approx(1)
    second = FAST.second()
    assert (second.stages, second.learning_rate, second.terms) == (FAST.rest, 3e-4, ("adversarial", "lipschitz"))
    assert dataclasses.replace(FAST, learning_rate=0.5, rest_learning_rate=None).second().learning_rate == 0.5
    settings = PatrolSettings(data="", out=Path("x"), recipe="paper", l1=0.5, alpha=(1.0,), terms=("pruning",))
    assert settings.hyper_parameters() == dataclasses.replace(PAPER, l1=0.5, alpha=(1.0,), terms=("pruning",))


def test_a_training_that_is_stopped_within_an_epoch_goes_on_as_if_unbroken(
    pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, plan = training(*lesson(pictures), QUICK, tmp_path / "a").run()
    monkeypatch.setattr("keyhole.train.checkpoint.EVERY_SECONDS", 0)
    stopped = training(*lesson(pictures), QUICK, tmp_path / "b")
    step, steps = stopped._step, count()

    def interrupted(*given: Tensor) -> Tensor:
        if next(steps) == stopped._budget.counts[0] + 1:
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(stopped, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt, match=f"{stopped._budget.counts[0] + 1} of .* steps are kept"):
        stopped.run()
    resumed, again = training(*lesson(pictures), QUICK, tmp_path / "b").run()
    assert again == plan
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)
