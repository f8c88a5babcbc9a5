"""Skipped connections: what is removed, that it is really gone, and that it loads again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet50

from keyhole.partition import CutError, split, survey
from keyhole.partition.pruning.plan import PruningPlan, Removal
from keyhole.partition.pruning.surgery import prune
from keyhole.targets import load_target
from keyhole.train.defences.command import defence
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.defences.skip import Skip
from tests.train.patrol_making import SIDE, class_folders, classifier

TARGET = "tests.train.patrol_making:target"
EXAMPLE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("make", "path"), [(resnet18, "layer1.0"), (resnet18, "layer2.0"), (resnet50, "layer1.0")])
def test_a_block_without_its_connection_is_its_mapping(make, path) -> None:
    network = make(weights=None).eval()
    seen: list[torch.Tensor] = []
    last = "bn3" if make is resnet50 else "bn2"
    norm = network.get_submodule(f"{path}.{last}")
    hook = norm.register_forward_hook(lambda *hooked: seen.append(hooked[2].clone()))
    with torch.no_grad():
        network(EXAMPLE)
    hook.remove()
    expected = torch.relu(seen[0])
    prune(network, PruningPlan("skip", path, (Removal("connection", path, (0,)),)), EXAMPLE[:1])
    with torch.no_grad():
        assert torch.allclose(split(network, path, EXAMPLE).head(EXAMPLE), expected, atol=1e-6)
    assert not any(name.startswith(f"{path}.downsample") for name in network.state_dict())


def test_the_share_of_the_heads_blocks_goes_and_the_seed_says_which() -> None:
    surveyed = survey(resnet18(weights=None), EXAMPLE[:1])
    drawn = {Skip(share=0.5).removals(surveyed, "layer4", seed) for seed in range(6)}
    assert {len(removals) for removals in drawn} == {4}
    assert len(drawn) > 1
    assert Skip(share=0.5).removals(surveyed, "layer4", 1) == Skip(share=0.5).removals(surveyed, "layer4", 1)
    (only,) = Skip(share=0.1).removals(surveyed, "layer1.0", 0)
    assert (only.kind, only.path) == ("connection", "layer1.0")
    (other,) = Skip(dropped="mappings").removals(surveyed, "layer1.0", 0)
    assert other.kind == "mapping"
    with pytest.raises(CutError, match="no residual block"):
        Skip().removals(surveyed, "maxpool", 0)
    with pytest.raises(CutError, match="no residual block"):
        Skip().removals(survey(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten()), EXAMPLE[:1]), "0", 0)


@pytest.mark.parametrize(("epochs", "dropped"), [(None, "connections"), (1, "mappings")])
def test_it_leaves_a_target_with_or_without_a_training(tmp_path: Path, epochs: int | None, dropped: str) -> None:
    settings = DefenceSettings(
        target=TARGET,
        cut="layer2",
        method=f"skip:share=1,dropped={dropped}",
        data=str(class_folders(tmp_path / "data", each=4)),
        out=tmp_path / "out",
        epochs=epochs,
    )
    assert defence(settings) == 0
    target = load_target(f"defended:{tmp_path}/out")
    assert target.defence == "skip"
    whole, inputs = classifier(), torch.rand(1, 3, SIDE, SIDE)
    assert not torch.allclose(target.model(inputs), whole(inputs))
    fewer = {name.rpartition(".")[0] for name in whole.state_dict()} - {
        name.rpartition(".")[0] for name in target.model.state_dict()
    }
    gone = "downsample" if dropped == "connections" else "conv"
    assert any(gone in name for name in fewer)
    assert (epochs is not None) == (tmp_path / "out" / "checkpoint").exists()
