"""What an adversary has that is the cloud: the tail as it is, and of the head the architecture alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from adversary.preparation import cloud_side
from adversary.settings import AdversarySettings
from keyhole.defences import UNPROTECTED
from keyhole.nn.device import CPU
from keyhole.partition import partitioned
from keyhole.service.errors import UsageError

SETTINGS = AdversarySettings(target="tests.system.tiny_target:tiny", cut="stem", public="leaves")


def test_it_has_the_tail_and_no_weight_of_the_head():
    known = cloud_side(SETTINGS, UNPROTECTED, CPU)
    target, partition = partitioned(SETTINGS)
    pictures = torch.rand(2, 3, 32, 32)
    inputs, shadow = known.normalise(pictures), known.shadow(0).eval()
    assert torch.equal(known.tail(partition.head(inputs)), target.model(inputs))
    assert shadow(inputs).shape == partition.head(inputs).shape
    for name, weight in shadow.named_parameters():
        if weight.dim() > 1:
            assert not torch.isclose(weight, partition.head.get_parameter(name)).any()


def test_its_pictures_are_of_the_targets_classes():
    with pytest.raises(UsageError, match="none shows a class of the target, such as circle"):
        next(cloud_side(SETTINGS, UNPROTECTED, CPU).labelled())


def test_a_head_alone_is_no_cloud(tmp_path):
    with pytest.raises(UsageError, match="--head-only names a head alone"):
        cloud_side(replace(SETTINGS, head_only=True), UNPROTECTED, CPU)
