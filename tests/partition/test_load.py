"""From a process's flags to head and tail."""

import torch

from keyhole.partition import partitioned
from keyhole.targets import ModelSettings
from tests.partition.models import pictures


def test_the_flags_of_a_process_give_the_same_parts_twice() -> None:
    settings = ModelSettings(target="resnet18", cut="L8", size=32)
    (target, parts), (again, other) = partitioned(settings), partitioned(settings)
    assert (parts.plan, target.hash) == (other.plan, again.hash)
    assert parts.plan.input_shape == (1, 3, 32, 32)
    assert torch.equal(other.tail(parts.head(pictures(2, 32))), target.model(pictures(2, 32)))
