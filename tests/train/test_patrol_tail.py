"""`keyhole train patrol --tail kept`: the head alone learns and is stored; the cloud goes on with what it has."""

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from keyhole.partition import split
from keyhole.partition.pruning.plan import Tail, read_plan, write_plan
from keyhole.partition.pruning.surgery import prune
from keyhole.targets import TargetError, load_target
from keyhole.targets.catalogue import SHIPPED, ShippedFamily
from keyhole.targets.stored_weights import WEIGHTS, read_card
from keyhole.train.defences.patrol.command import patrol
from keyhole.train.defences.patrol.settings import PatrolSettings

BASE, SIDE = "resnet18-tinyimagenet", 32
EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves for a shipped target, on a grey picture of each of its classes."""
    root = tmp_path_factory.mktemp("tail")
    for part in ("train", "val"):
        for number, name in enumerate(load_target(BASE).labels):
            folder = root / "data" / part / f"n{number:08d}_{name.replace(' ', '_')}"
            folder.mkdir(parents=True)
            Image.new("RGB", (SIDE, SIDE), (number, 255 - number, 2 * number)).save(folder / "0.png")
    settings = PatrolSettings(
        target=BASE,
        cut="layer2",
        size=SIDE,
        data=str(root / "data"),
        out=root / "out",
        tail="kept",
        batch=8,
        steps=3,
        ratio=0.3,
        stages=("32:1",),
        rest=("32:1",),
    )
    assert patrol(settings) == 0
    return root / "out"


def test_the_tail_is_the_targets_own_but_for_what_it_took_from_structures_that_are_gone(result: Path) -> None:
    base, target, plan = load_target(BASE, size=SIDE), load_target(f"pruned:{result}"), read_plan(result)
    assert plan.tail == Tail(BASE, ShippedFamily(SHIPPED).card(BASE).sha256)
    prune(base.model, plan, EXAMPLE)
    of_head = split(target.model, "layer2", EXAMPLE).head.state_dict().keys()
    before, after = base.model.state_dict(), target.model.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert changed <= of_head
    assert after["layer3.0.conv1.weight"].shape[1] < 128


def test_the_file_holds_the_head_alone(result: Path) -> None:
    target = load_target(f"pruned:{result}")
    with safe_open(result / WEIGHTS, "pt") as file:
        stored = {name.removesuffix(".int8_scale") for name in file.keys()}  # noqa: SIM118  (not a mapping)
    assert stored == set(split(target.model, "layer2", EXAMPLE).head.state_dict())
    assert (result / WEIGHTS).stat().st_size < 0.1 * (SHIPPED / BASE / WEIGHTS).stat().st_size
    assert read_card(result).recipe["tail"] == "kept"


def test_a_tail_with_other_weights_is_refused(result: Path, tmp_path: Path) -> None:
    for path in result.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_plan(dataclasses.replace(read_plan(result), tail=Tail(BASE, "0" * 64)), tmp_path)
    with pytest.raises(TargetError, match=f"holds a head for the tail of {BASE} with the weights 0000.*are not here"):
        load_target(f"pruned:{tmp_path}")


@pytest.mark.parametrize(
    "flags", [{"target": "tests.train.patrol_making:target"}, {"weights": str(SHIPPED / BASE / WEIGHTS)}]
)
def test_a_tail_that_others_could_not_find_is_not_kept(flags: dict, result: Path, tmp_path: Path) -> None:
    given = {"target": BASE, "cut": "layer2", "data": str(result.parent / "data"), "out": tmp_path, "tail": "kept"}
    with pytest.raises(ValueError, match="--tail kept: the head alone is stored; --target must be one of"):
        patrol(PatrolSettings(**{**given, **flags}))
