"""Structures are really removed, and what is left answers as the masked model did."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from keyhole.partition import CutError, profile, split, survey
from keyhole.partition.memory import deepest, footprint_at, footprints
from keyhole.partition.pruning.masks import live_in_multiples, prune_masked, removals
from keyhole.partition.pruning.plan import PruningPlan, Removal, read_plan, write_plan
from keyhole.partition.pruning.structures import Structures
from keyhole.partition.pruning.surgery import Granularity, prune, structures_before
from tests.partition.models import pictures, tiny_swin
from tests.train.patrol_making import SIDE, classifier, embedder

EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)


def vit() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = timm.models.VisionTransformer(
            img_size=SIDE, patch_size=8, embed_dim=12, depth=3, num_heads=3, num_classes=4, mlp_ratio=2
        )
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3)
    return network.eval()


def drawn(structures: tuple[Structures, ...], seed: int = 1) -> list[Tensor]:
    """Masks of which about half is 0; of each place at least one is not."""
    generator = torch.Generator().manual_seed(seed)
    masks = [torch.randn(place.count, generator=generator) for place in structures]
    for mask in masks:
        mask[mask.abs() < mask.abs().median()] = 0
    return masks


def masked(network: nn.Module, structures: tuple[Structures, ...], masks: list[Tensor], inputs: Tensor) -> Tensor:
    """The network's answer with its modules' outputs or inputs multiplied, one by one."""
    handles = []
    for place, mask in zip(structures, masks, strict=True):
        for point in place.points:
            module, factors = network.get_submodule(point.path), mask.repeat_interleave(point.repeat)
            if point.side == "output":
                hook = lambda _m, _i, out, f=factors: torch.einsum("nc...,c->nc...", out, f)  # noqa: E731
                handles.append(module.register_forward_hook(hook))
            else:
                before = lambda _m, args, f=factors: (args[0] * f,)  # noqa: E731
                handles.append(module.register_forward_pre_hook(before))
    with torch.no_grad():
        answer: Tensor = network(inputs)
    for handle in handles:
        handle.remove()
    return answer


MODELS: dict[str, tuple[Callable[[], nn.Module], str, Granularity]] = {
    "end of a stage": (classifier, "layer1", "channels"),
    "inside a group": (classifier, "layer1.0", "channels"),
    "all": (classifier, "layer2", "channels"),
    "blocks": (classifier, "layer2", "blocks"),
    "transformer": (vit, "blocks.1", "channels"),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_pruned_model_is_smaller_and_answers_as_the_masked_one(name: str) -> None:
    build, cut, granularity = MODELS[name]
    network = build()
    structures = structures_before(survey(network, EXAMPLE), cut, granularity)
    masks = [torch.zeros(1) for _ in structures] if granularity == "blocks" else drawn(structures)
    inputs = pictures(3, SIDE)
    expected = masked(network, structures, masks, inputs)

    pruned = copy.deepcopy(network)
    plan = prune_masked(pruned, structures, masks, EXAMPLE, defence="patrol", cut=cut)
    with torch.no_grad():
        answer = pruned(inputs)
    assert torch.allclose(answer, expected, atol=1e-5)
    assert not torch.allclose(answer, network(inputs), atol=1e-2)
    assert sum(len(each.indices) for each in plan.removed) == sum(int((mask == 0).sum()) for mask in masks)

    whole, less = ({row.point.cut: row for row in profile(model, EXAMPLE)} for model in (network, pruned))
    end = split(pruned, cut, EXAMPLE).plan.cut
    assert less[end].head_bytes < whole[end].head_bytes
    assert less[end].head_macs < whole[end].head_macs


@pytest.mark.parametrize("cut", ["layer1", "layer1.0", "layer2"])
def test_the_cut_stays_exact_and_fewer_channels_cross(cut: str) -> None:
    network = classifier()
    structures = structures_before(survey(network, EXAMPLE), cut)
    prune_masked(network, structures, drawn(structures), EXAMPLE, defence="patrol", cut=cut)
    parts, inputs = split(network, cut, EXAMPLE), pictures(2, SIDE)
    assert torch.equal(parts.tail(parts.head(inputs)), network(inputs))
    assert parts.plan.tensors[0].shape[1] == (7 if cut == "layer2" else 5)


def test_channels_that_are_added_up_leave_together() -> None:
    structures = structures_before(survey(classifier(), EXAMPLE), "layer1")
    assert {place.path: place.count for place in structures} == {
        "conv1": 8,
        "layer1.0.conv1": 8,
        "layer1.1.conv1": 8,
    }
    assert [point.path for point in structures[0].points] == ["bn1", "layer1.0.bn2", "layer1.1.bn2"]


def test_an_embedding_loses_the_channels_that_are_switched_off() -> None:
    network, inputs = embedder(), pictures(3, SIDE)
    structures = structures_before(survey(network, EXAMPLE), "layer2")
    masks = drawn(structures)
    expected = masked(network, structures, masks, inputs)
    prune_masked(network, structures, masks, EXAMPLE, defence="patrol", cut="layer2")
    (mask,) = (mask for place, mask in zip(structures, masks, strict=True) if "fc" in str(place.points))
    assert not expected[:, mask == 0].any()
    assert torch.allclose(network(inputs), expected[:, mask != 0], atol=1e-5)


def test_heads_and_hidden_units_of_a_transformer_are_gone() -> None:
    network = vit()
    structures = structures_before(survey(network, EXAMPLE), "blocks.1")
    assert [(place.kind, place.count) for place in structures] == [("heads", 3), ("hidden units", 24)] * 2
    masks = [torch.tensor([0.0, 2.0, 0.0]) if place.kind == "heads" else torch.ones(24) for place in structures]
    prune_masked(network, structures, masks, EXAMPLE, defence="patrol", cut="blocks.1")
    attention = network.get_submodule("blocks.0.attn")
    assert (attention.num_heads, attention.qkv.out_features, attention.proj.in_features) == (1, 12, 4)
    assert network.get_submodule("blocks.2.attn").num_heads == 3


def test_torchvisions_resnet_is_pruned_up_to_its_trunk() -> None:
    network = torchvision.models.resnet18(num_classes=5).eval()
    example = torch.zeros(1, 3, 32, 32)
    structures = structures_before(survey(network, example), "L16")
    assert sum(place.count for place in structures) == 64 + 2 * 64 + 3 * 128 + 3 * 256 + 3 * 512
    masks = [(torch.arange(place.count) % 2).float() for place in structures]
    prune_masked(network, structures, masks, example, defence="patrol", cut="L16")
    assert network.get_submodule("layer4.1.conv2").weight.shape == (256, 256, 3, 3)
    assert network(pictures(2, 32)).shape == (2, 5)


def test_one_structure_of_each_place_stays_and_a_mapping_need_not() -> None:
    channels, mapping = Structures("channels", "conv", 3, ()), Structures("mapping", "block", 1, ())
    gone = removals([channels, mapping], [torch.tensor([0.1, -0.3, 0.2]), torch.zeros(1)], threshold=0.5)
    assert gone == (Removal("channels", "conv", (0, 2)), Removal("mapping", "block", (0,)))
    assert removals([channels], [torch.tensor([0.1, -0.3, 0.2])], threshold=0.1) == (Removal("channels", "conv", (0,)),)


def place(count: int, kind="channels") -> Structures:
    return Structures(kind, "a", count, ())


@pytest.mark.parametrize(
    ("count", "live", "left"),
    [(32, 17, 24), (32, 16, 16), (32, 25, 32), (32, 1, 8), (30, 25, 25), (6, 2, 2), (8, 0, 8)],
)
def test_widths_are_rounded_up_to_a_multiple_by_the_largest_masks(count: int, live: int, left: int) -> None:
    mask = torch.linspace(0.01, 0.05, count)
    mask[:live] = torch.linspace(1, 2, live)
    found = removals([place(count)], [mask], 0.1, 8)
    kept = sorted(set(range(count)) - set(found[0].indices if found else ()))
    assert kept == sorted(mask.argsort(descending=True)[:left].tolist())


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**31 - 1))
def test_rounding_removes_nothing_that_the_mask_keeps(count: int, multiple: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.randn(count, generator=generator) * (torch.rand(count, generator=generator) < 0.5)

    def kept(round_to: int) -> set[int]:
        found = removals([place(count)], [mask], 0.0, round_to)
        return set(range(count)) - set(found[0].indices if found else ())

    exact, rounded = kept(1), kept(multiple)
    assert exact <= rounded
    assert len(rounded) in (len(exact), len(exact) + -len(exact) % multiple)
    assert len(rounded) % multiple == 0 or len(exact) + -len(exact) % multiple > count


def test_heads_and_mappings_are_not_rounded() -> None:
    for kind in ("heads", "mapping"):
        (found,) = removals([place(16, kind)], [torch.tensor([1.0, 1.0, *[0.0] * 14])], 0.0, 8)
        assert len(found.indices) == 14


def test_what_stays_for_a_multiple_gets_its_earlier_mask_back() -> None:
    now, before = torch.tensor([1.0, 0, 0, 0, 0]), torch.tensor([1.0, 0.1, -0.4, 0.2, 0.3])
    (alive,) = live_in_multiples([place(5)], [now], [before], 3)
    torch.testing.assert_close(alive, torch.tensor([1.0, 0, -0.4, 0, 0.3]))
    assert torch.equal(live_in_multiples([place(5)], [now], [before], 1)[0], now)
    (alive,) = live_in_multiples([place(5)], [now], [now], 2)
    assert alive.count_nonzero() == 2
    assert alive.sum() == 2


def test_a_rounded_network_answers_as_the_masked_one() -> None:
    network, inputs = classifier(), torch.rand(2, 3, SIDE, SIDE)
    structures = structures_before(survey(network, inputs[:1]), "layer2")
    masks = [torch.rand(each.count, generator=torch.Generator().manual_seed(1)) for each in structures]
    zeros = [mask * (mask > 0.7) for mask in masks]
    exact, rounded = copy.deepcopy(network), copy.deepcopy(network)
    prune_masked(exact, structures, zeros, inputs[:1], defence="patrol", cut="layer2.0")
    prune_masked(rounded, structures, zeros, inputs[:1], round_to=4, defence="patrol", cut="layer2.0")
    torch.testing.assert_close(rounded(inputs), exact(inputs))
    assert rounded.layer1[0].conv1.out_channels % 4 == 0


def test_a_plan_is_written_and_read(tmp_path: Path) -> None:
    plan = PruningPlan(
        "patrol", "layer1.1", (Removal("channels", "conv1", (0, 5)), Removal("mapping", "layer1.0", (0,)))
    )
    write_plan(plan, tmp_path)
    assert read_plan(tmp_path) == plan
    (tmp_path / "plan.json").write_text('{"defence": "", "cut": "", "removed": [{"kind": "dreams", "indices": []}]}')
    with pytest.raises(CutError, match="cannot read the pruning plan"):
        read_plan(tmp_path)


def test_a_plan_for_another_architecture_is_refused() -> None:
    plan = PruningPlan("patrol", "layer1", (Removal("channels", "conv9", (0,)),))
    with pytest.raises(CutError, match=r"no channels .* at conv9: the plan is for another architecture"):
        prune(classifier(), plan, EXAMPLE)


@pytest.mark.parametrize(
    ("build", "cut", "granularity"),
    [(tiny_swin, "features.1", "channels"), (vit, "blocks.1", "blocks"), (classifier, "input", "channels")],
)
def test_nothing_to_prune_is_said(build: Callable[[], nn.Module], cut: str, granularity: Granularity) -> None:
    size = 32 if build is tiny_swin else SIDE
    with pytest.raises(CutError, match="that can be removed: known are"):
        structures_before(survey(build(), torch.zeros(1, 3, size, size)), cut, granularity)


def test_a_footprint_counts_weights_and_the_most_that_is_alive() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1), nn.Flatten())
    fits = footprints(network, torch.zeros(1, 3, 4, 4))
    picture, wide, narrow = 3 * 16 * 4, 8 * 16 * 4, 2 * 16 * 4
    assert [(fit.point.cut, fit.footprint.activations) for fit in fits] == [
        ("input", picture),
        ("0", picture + wide),
        ("1", picture + wide),
        ("2", max(picture + wide, wide + narrow)),
        ("3", max(picture + wide, wide + narrow)),
    ]
    assert [fit.footprint.weights for fit in fits] == [0, 896, 896, 896 + 72, 896 + 72]


def test_what_a_shortcut_needs_later_is_alive() -> None:
    fits = {fit.point.cut: fit.footprint for fit in footprints(classifier(), EXAMPLE)}
    plane = 8 * SIDE * SIDE * 4
    assert fits["layer1.0"].activations == 3 * plane  # the shortcut, what goes into a layer and what comes out


def test_the_deepest_head_that_fits() -> None:
    whole, pruned = classifier(), classifier()
    before = footprints(whole, EXAMPLE)
    room = footprint_at(before, "layer1.0").total
    assert deepest(before, room, "layer2.0").point.cut == "layer1.0"
    structures = structures_before(survey(pruned, EXAMPLE), "layer2")
    prune_masked(pruned, structures, drawn(structures), EXAMPLE, defence="patrol", cut="layer2")
    after = footprints(pruned, EXAMPLE)
    assert deepest(after, room, "layer2.0").point.cut == "layer2.0"
    assert deepest(after, room, "layer1.1").point.cut == "layer1.1"
    with pytest.raises(CutError, match=r"no head fits in 0\.00 MiB; the smallest needs"):
        deepest(after, 10, "layer2.0")
    with pytest.raises(CutError, match="no block ends at 'layer7'"):
        deepest(after, room, "layer7")
    with pytest.raises(CutError, match="no block ends at 'layer7'"):
        footprint_at(after, "layer7")
