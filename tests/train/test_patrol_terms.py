"""The parts of PATROL's objective, each against what its equation says."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from keyhole.partition import CutError, survey
from keyhole.partition.pruning.surgery import structures_before
from keyhole.targets.target import Preprocess
from keyhole.train.defences.patrol.command import block_ends
from keyhole.train.defences.patrol.masks import Fista, Masks, shrink
from keyhole.train.defences.patrol.memory import fewest_gone, least_threshold
from keyhole.train.defences.patrol.objective import (
    Surrogate,
    constants,
    lipschitz_loss,
    mirrored_layers,
    reconstruction_distance,
)
from keyhole.train.split import Blocks, denormalised
from tests.partition.models import build, pictures, tiny_vit
from tests.train.patrol_making import SIDE, classifier

EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)


def descend(
    parameters: list[nn.Parameter], target: list[Tensor], scale: list[Tensor], fista: Fista, steps: int
) -> None:
    """Steps on ½ Σ scale (m − target)²."""
    for _ in range(steps):
        for parameter, goal, weight in zip(parameters, target, scale, strict=True):
            parameter.grad = weight * (parameter.detach() - goal)
        fista.step()


def test_fista_solves_the_lasso_with_an_orthogonal_design() -> None:
    target = torch.tensor([3.0, -2.0, 0.4, -0.5, 0.0])
    mask = nn.Parameter(torch.zeros(5))
    fista = Fista([mask], learning_rate=0.5, l1=0.7, l2=0.0)
    descend([mask], [target], [torch.ones(5)], fista, 200)
    closed_form = torch.tensor([2.3, -1.3, 0.0, 0.0, 0.0])
    assert torch.allclose(fista.solution(mask), closed_form, atol=1e-5)
    assert (fista.solution(mask)[2:] == 0).all()


def test_fista_finds_the_minimum_that_a_general_optimiser_finds() -> None:
    torch.manual_seed(0)
    target, scale = torch.randn(7) * 3, torch.rand(7) + 0.2
    parts = [nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(3))]
    fista = Fista(parts, learning_rate=0.8, l1=0.3, l2=0.5)
    descend(parts, [target[:4], target[4:]], [scale[:4], scale[4:]], fista, 1000)

    def objective(m: np.ndarray) -> float:
        smooth = 0.5 * (scale.numpy() * (m - target.numpy()) ** 2).sum()
        return float(smooth + 0.3 * np.abs(m).sum() + 0.5 * np.sqrt((m**2).sum()))

    found = torch.cat([fista.solution(part) for part in parts]).numpy().astype(float)
    best = minimize(objective, target.numpy(), method="Powell", options={"xtol": 1e-8, "ftol": 1e-12, "maxiter": 10**5})
    assert objective(found) <= best.fun + 1e-5
    assert np.allclose(found, best.x, atol=2e-3)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.4), (0.3, 0.4), (0.1, 50.0)])
def test_shrinking_is_the_proximal_map(l1: float, l2: float) -> None:
    generator = torch.Generator().manual_seed(2)
    values = [torch.randn(3, generator=generator), torch.randn(2, generator=generator)]
    given = torch.cat(values).numpy().astype(float)

    def objective(m: np.ndarray) -> float:
        return float(0.5 * ((m - given) ** 2).sum() + l1 * np.abs(m).sum() + l2 * np.sqrt((m**2).sum()))

    shrunk = torch.cat(shrink(values, l1, l2, [1, 1])).numpy().astype(float)
    draws = np.random.default_rng(0).normal(size=(4000, 5))
    for size in (1.0, 0.1, 0.01):
        assert all(objective(shrunk) <= objective(shrunk + size * draw) + 1e-6 for draw in draws)


def test_an_entry_that_nothing_holds_moves_with_the_square_of_the_steps() -> None:
    mask = nn.Parameter(torch.tensor([5.0]))
    fista = Fista([mask], learning_rate=1e-4, l1=1.0, l2=0.0)
    descend([mask], [torch.zeros(1)], [torch.zeros(1)], fista, 400)
    assert 5 - float(fista.solution(mask)) == pytest.approx(1e-4 * 400**2 / 8, rel=0.05)


def test_an_entry_for_many_channels_moves_as_that_many_equal_ones() -> None:
    target, scale = torch.tensor([2.0, -0.6, 1.5]), torch.tensor([0.7, 0.3, 0.9])
    spread = [0, 1, 2, 2, 2, 2]
    each, shared = nn.Parameter(torch.ones(6)), [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))]
    of_each = Fista([each], learning_rate=0.4, l1=0.3, l2=0.5)
    of_shared = Fista(shared, learning_rate=0.4, l1=0.3, l2=0.5, widths=[1, 4])
    summed = [scale[:2], 4 * scale[2:]]
    for steps in range(1, 6):
        descend([each], [target[spread]], [scale[spread]], of_each, steps)
        descend(shared, [target[:2], target[2:]], summed, of_shared, steps)
        together = torch.cat([of_shared.solution(part) for part in shared])
        torch.testing.assert_close(together[spread], of_each.solution(each))


def test_fista_goes_on_from_its_state() -> None:
    torch.manual_seed(0)
    target, start = torch.randn(5), torch.randn(5)

    def fresh() -> tuple[nn.Parameter, Fista]:
        mask = nn.Parameter(start.clone())
        return mask, Fista([mask], 0.1, 0.2, 0.1)

    whole, other = fresh(), fresh()
    descend([whole[0]], [target], [torch.ones(5)], whole[1], 9)
    descend([other[0]], [target], [torch.ones(5)], other[1], 4)
    resumed = fresh()
    resumed[0].data.copy_(other[0].data)
    resumed[1].load_state_dict(other[1].state_dict())
    descend([resumed[0]], [target], [torch.ones(5)], resumed[1], 5)
    assert torch.equal(resumed[0], whole[0])
    assert torch.equal(resumed[1].solution(resumed[0]), whole[1].solution(whole[0]))


def test_lipschitz_constants_and_loss_are_those_of_equations_4_to_6() -> None:
    torch.manual_seed(0)
    blocks = [nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 2, 3)), nn.Flatten()]
    x, delta = torch.rand(5, 3, 8, 8), torch.randn(5, 3, 8, 8)
    clean, noisy = [x], [x + delta]
    for block in blocks:
        clean.append(block(clean[-1]))
        noisy.append(block(noisy[-1]))
    expected = []
    for place in range(3):
        ratios = []
        for picture in range(5):
            output = sum(abs(v) for v in (noisy[place + 1] - clean[place + 1])[picture].flatten().tolist())
            given = delta if place == 0 else noisy[place] - clean[place]
            ratios.append(output / sum(abs(v) for v in given[picture].flatten().tolist()))
        expected.append(max(ratios))
    found = constants(clean, noisy)
    assert torch.stack(found).tolist() == pytest.approx(expected, rel=1e-4)
    assert float(lipschitz_loss(found, (5.0, 0.2))) == pytest.approx(
        5 * expected[0] + 0.2 * expected[1] + 0.2 * expected[2], rel=1e-4
    )


def test_blocks_that_stretch_less_cost_less_and_the_gradient_says_so() -> None:
    layer = nn.Linear(6, 6, bias=False)
    x = torch.randn(4, 6)
    noisy = x + torch.randn(4, 6)
    before = lipschitz_loss(constants([x, layer(x)], [noisy, layer(noisy)]), (5.0,))
    before.backward()
    with torch.no_grad():
        layer.weight -= 0.01 * layer.weight.grad
    assert lipschitz_loss(constants([x, layer(x)], [noisy, layer(noisy)]), (5.0,)) < before


def test_the_reconstruction_distance_is_the_mean_norm_of_equation_8() -> None:
    x, y = torch.rand(3, 3, 4, 4), torch.rand(3, 3, 4, 4)
    norms = [math.sqrt(sum(v * v for v in (a - b).flatten().tolist())) for a, b in zip(x, y, strict=True)]
    assert float(reconstruction_distance(x, y)) == pytest.approx(sum(norms) / 3, rel=1e-5)


@pytest.mark.parametrize("part", [1, 2, 4])
def test_the_norm_of_a_batch_is_that_of_all_its_numbers(part: int) -> None:
    one, other = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    x, y = one.expand(part, 3, 4, 4), other.expand(part, 3, 4, 4)
    whole = math.sqrt(4 * sum(v * v for v in (one - other).flatten().tolist()))
    assert float(reconstruction_distance(x, y, "batch", 4)) == pytest.approx(whole, rel=1e-5)
    if part == 4:
        assert float(reconstruction_distance(x, y, "batch")) == pytest.approx(whole, rel=1e-5)


def test_normalising_is_undone() -> None:
    preprocess, x = Preprocess(8), torch.rand(2, 3, 8, 8)
    assert torch.allclose(denormalised(preprocess.normalise(x), preprocess), x, atol=1e-6)


def test_the_blocks_of_a_resnet_are_its_stages_and_of_a_transformer_its_blocks() -> None:
    resnet = survey(build("resnet18"), torch.zeros(1, 3, 32, 32))
    assert block_ends(resnet, "L16") == ("layer1.1", "layer2.1", "layer3.1", "layer4.1")
    assert block_ends(resnet, "layer2.0") == ("layer1.1", "layer2.0")
    assert block_ends(resnet, "maxpool") == ("maxpool",)
    vit = survey(build("timm:vit_tiny_patch16_224", img_size=32), torch.zeros(1, 3, 32, 32))
    assert block_ends(vit, "blocks.2") == ("blocks.0", "blocks.1", "blocks.2")


def test_blocks_and_tail_make_the_model() -> None:
    network, inputs = classifier().train(), pictures(2, SIDE)
    blocks = Blocks.of(network, ("layer1.1", "layer2.0"), EXAMPLE)
    assert network.training
    network.eval()
    first, second = blocks.head(inputs)
    stem = network.relu(network.bn1(network.conv1(inputs)))  # type: ignore[operator]
    assert torch.equal(first, network.layer1(stem))  # type: ignore[operator]
    assert torch.equal(blocks.tail(second), network(inputs))
    assert blocks.shape == (12, 8, 8)
    with pytest.raises(CutError, match=r"2 tensors cross at layer1\.0\.conv1: cut at the end of a block"):
        Blocks.of(network, ("layer1.0.conv1",), EXAMPLE)


def test_masks_multiply_only_where_they_are_applied_and_are_made_up_for() -> None:
    network, inputs = classifier(), pictures(2, SIDE)
    structures = structures_before(survey(network, EXAMPLE), "layer2")
    before = network(inputs)
    masks = Masks(structures, network, (0.0, 1.0), torch.Generator().manual_seed(0))
    with masks.applied():
        assert not torch.allclose(network(inputs), before, atol=1e-2)
    assert torch.equal(network(inputs), before)
    entries = torch.cat(list(masks.entries)).detach()
    assert abs(float(entries.mean())) < 0.4
    assert 0.6 < float(entries.std()) < 1.4

    masks.make_up_for()
    assert not torch.allclose(network(inputs), before, atol=1e-2)
    with masks.applied():
        assert torch.allclose(network(inputs), before, atol=1e-4)


def test_settled_masks_are_what_they_are_told() -> None:
    network = classifier()
    masks = Masks(structures_before(survey(network, EXAMPLE), "layer1"), network, (0.0, 1.0), torch.Generator())
    values = [torch.zeros_like(entries) for entries in masks.entries]
    values[0][0] = 0.5
    masks.settle(values)
    assert masks.settled
    assert masks.zeros() == pytest.approx(23 / 24)
    assert float(masks.entries[0][0]) == 0.5


def test_the_surrogate_mirrors_the_head_and_takes_pictures_of_another_size() -> None:
    network = classifier()
    blocks = Blocks.of(network, ("layer2.0",), EXAMPLE)
    assert mirrored_layers(blocks.head) == 7
    surrogate = Surrogate(blocks.shape, SIDE, 7)
    weights = {name: value.clone() for name, value in surrogate.state_dict().items()}
    assert surrogate(torch.rand(2, 12, 8, 8)).shape == (2, 3, SIDE, SIDE)
    surrogate.eval().fit_to((12, 16, 16), 32)
    assert surrogate(torch.rand(2, 12, 16, 16)).shape == (2, 3, 32, 32)
    assert surrogate.state_dict().keys() == weights.keys()
    assert mirrored_layers(Blocks.of(tiny_vit(), ("encoder.layers",), torch.zeros(1, 3, 32, 32)).head) is None


def test_the_least_threshold_that_is_enough() -> None:
    masks = [torch.tensor([0.5, -0.1]), torch.tensor([0.3])]

    def at_least(count: int) -> float:
        return least_threshold(masks, lambda tau: sum(int((mask.abs() <= tau).sum()) for mask in masks) >= count)

    assert [at_least(count) for count in (0, 1, 2, 9)] == pytest.approx([0, 0.1, 0.3, 0.5])


def test_of_entries_that_went_together_only_as_many_stay_gone_as_it_takes() -> None:
    now = [torch.tensor([0.0, 0.7, 0.0]), torch.tensor([0.0])]
    seen = [torch.tensor([0.4, 0.9, -0.2]), torch.tensor([0.3])]

    def gone(count: int) -> list[list[float]]:
        found = fewest_gone(now, seen, 0.0, lambda masks: sum(int(mask.eq(0).sum()) for mask in masks) >= count)
        return [mask.tolist() for mask in found]

    assert gone(1) == [pytest.approx([0.4, 0.7, 0.0]), pytest.approx([0.3])]
    assert gone(2) == [pytest.approx([0.4, 0.7, 0.0]), [0.0]]
    assert gone(3) == [pytest.approx([0.0, 0.7, 0.0]), [0.0]]
    bytes_of = [torch.tensor([3.0, 3.0, 3.0]), torch.tensor([1.0])]

    def freed(masks: Sequence[Tensor]) -> float:
        return float(sum((mask.eq(0) * size).sum() for mask, size in zip(masks, bytes_of, strict=True)))

    large_enough = fewest_gone(now, [*seen[:1], torch.tensor([0.1])], 0.0, lambda masks: freed(masks) >= 6)
    assert [mask.tolist() for mask in large_enough] == [pytest.approx([0.0, 0.7, 0.0]), pytest.approx([0.1])]

    small = fewest_gone([torch.tensor([0.5, -0.5, 0.6])], [torch.zeros(3)], 0.5, lambda _: True)
    assert small[0].tolist() == pytest.approx([0.0, 0.0, 0.6])
