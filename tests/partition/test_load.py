"""From a process's flags to head and tail."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from keyhole.partition import CutError, partitioned, partitioned_at
from keyhole.targets import ModelSettings
from tests.partition.models import pictures


def test_the_flags_of_a_process_give_the_same_parts_twice() -> None:
    settings = ModelSettings(target="resnet18", cut="L8", size=32)
    (target, parts), (again, other) = partitioned(settings), partitioned(settings)
    assert (parts.plan, target.hash) == (other.plan, again.hash)
    assert parts.plan.input_shape == (1, 3, 32, 32)
    assert torch.equal(other.tail(parts.head(pictures(2, 32))), target.model(pictures(2, 32)))


@pytest.fixture
def head_alone(tmp_path: Path) -> ModelSettings:
    """Weights of ResNet-18 up to ``layer3``."""
    state = torchvision.models.resnet18().state_dict()
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(("layer4", "fc"))}
    save_file(kept, tmp_path / "head.safetensors")
    return ModelSettings(target="resnet18", weights=str(tmp_path / "head.safetensors"), size=32, head_only=True)


def test_a_head_alone_runs_and_its_tail_answers_nothing(head_alone: ModelSettings) -> None:
    target, (early, late) = partitioned_at(head_alone, ("L4", "layer3"))
    features = late.head(pictures(2, 32))
    assert torch.equal(features, target.model.layer3(target.model.layer2(early.head(pictures(2, 32)))))
    assert late.tail(features).shape == (2, 0)
    assert late.plan.output is not None
    assert late.plan.output.shape == (1, 0)


def test_weights_that_end_before_the_cut_are_refused(head_alone: ModelSettings) -> None:
    with pytest.raises(
        CutError, match=r"lacks \d+ of the \d+ .* head up to layer4\.0, the first of them layer4\.0\.conv1\.weight"
    ):
        partitioned_at(head_alone, ("layer4.0",))
