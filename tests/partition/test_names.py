"""What a point of a model is called."""

import pytest
from torch import Tensor, nn

from keyhole.partition import CutError, points, split, survey
from tests.partition.models import build, pictures


@pytest.mark.parametrize("cut", ["layer2", "layer2.1", "L8", "layer2.1.relu_1"])
def test_every_name_of_a_point_gives_the_same_plan(cut: str) -> None:
    plan = split(build("resnet18"), cut, pictures(1, 32)).plan
    assert (plan.cut, plan.alias, plan.live) == ("layer2.1", "L8", ("layer2.1",))
    assert plan.tensors[0].shape == (1, 128, 4, 4)
    assert plan.output is not None
    assert plan.output.shape == (1, 1000)
    assert plan.input_shape == (1, 3, 32, 32)


def test_a_container_is_cut_after_its_last_child() -> None:
    surveyed = survey(build("vgg11"), pictures(1, 32))
    assert surveyed.name(surveyed.index("features")) == "features.20"
    assert surveyed.name(surveyed.index("classifier")) == "classifier.6"


def test_an_unknown_cut_lists_the_nearest() -> None:
    with pytest.raises(CutError, match=r"ResNet has no point 'layer9\.1'.*nearest: layer.\.1"):
        split(build("resnet18"), "layer9.1", pictures(1, 32))


def test_a_module_that_does_not_run_is_no_point() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Flatten(), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)  # type: ignore[no-any-return]

    with pytest.raises(CutError, match="does not run its module 'spare'"):
        split(Spare(), "spare", pictures(1, 8))


def test_modules_with_numbers_at_the_end_of_their_names() -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer_1, self.layer_2 = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer_2(self.layer_1(x))  # type: ignore[no-any-return]

    assert [point.cut for point in points(Layers(), pictures(1, 8))] == ["input", "layer_1", "layer_2"]


def test_points_are_in_order_and_have_one_tensor() -> None:
    found = points(build("resnet18"), pictures(1, 32))
    assert [point.cut for point in found] == [
        *("input", "conv1", "bn1", "relu", "maxpool"),
        *(f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)),
        *("avgpool", "fc"),
    ]
    assert {len(point.tensors) for point in found} == {1}


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("efficientnet_b0", ["features.1.0", "features.2.1", "features.7.0"]),
        ("regnet_y_400mf", ["trunk_output.block1", "trunk_output.block4.block4-4"]),
        ("timm:convnext_atto", ["stages.0.blocks.0", "stages.3.blocks.1"]),
    ],
)
def test_blocks_of_other_families(name: str, blocks: list[str]) -> None:
    found = [point.cut for point in points(build(name), pictures(1, 64))]
    assert set(blocks).issubset(found)
    assert len(found) < 40


def test_every_point_includes_those_inside_blocks() -> None:
    found = {point.cut: point for point in points(build("resnet18"), pictures(1, 32), every=True)}
    assert len(found["layer1.0.conv1"].tensors) == 2
    assert len(found["layer1.0.add"].tensors) == 1
    assert next(iter(found)) == "input"
