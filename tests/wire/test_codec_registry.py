from __future__ import annotations

import pytest
import torch

from keyhole.service.errors import UsageError
from keyhole.wire.codec_registry import codec_named, through_codec
from keyhole.wire.tensors import pack, unpack


@pytest.mark.parametrize("codec", ["fp32", "fp16", "bf16", "int8", "int8+zstd"])
def test_each_picture_arrives_as_if_it_had_been_sent_alone(codec):
    random = torch.Generator().manual_seed(0)
    tensors = (torch.randn(3, 4, 5, 5, generator=random) * torch.tensor([1.0, 10.0, 100.0])[:, None, None, None],)
    (arrived,) = through_codec(tensors, codec)
    alone = [unpack(pack(part, codec_named(codec)), field="x") for part in tensors[0].split(1)]
    assert torch.equal(arrived, torch.cat(alone))
    assert torch.equal(arrived, tensors[0]) == (codec == "fp32")


def test_an_unknown_codec():
    with pytest.raises(UsageError, match="fp32"):
        through_codec((torch.zeros(1, 2),), "fp33")
