import pytest
import torchvision

from keyhole.partition import profile
from keyhole.wire.codecs import CODECS, codec_named
from tests.partition.models import build, pictures, tiny_vit


@pytest.mark.parametrize("name", ["resnet18", "swin_t"])
def test_totals_are_those_that_torchvision_publishes(name: str) -> None:
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    last = profile(build(name))[-1]
    assert last.head_parameters == meta["num_params"]
    assert last.head_macs / 1e9 == pytest.approx(meta["_ops"], abs=1e-3)


def test_a_head_holds_what_runs_in_it() -> None:
    rows = {row.point.cut: row for row in profile(build("resnet18"))}
    conv, batch_norm = 64 * 3 * 7 * 7, 2 * 64
    assert rows["input"].head_parameters == rows["input"].head_bytes == rows["input"].head_macs == 0
    assert rows["conv1"].head_parameters == conv
    assert rows["conv1"].head_macs == conv * 112 * 112
    assert rows["bn1"].head_parameters == conv + batch_norm
    assert rows["bn1"].head_bytes == 4 * (conv + batch_norm) + 4 * 2 * 64 + 8
    assert rows["layer2.1"].payload["fp32"] == 4 * 128 * 28 * 28


def test_payloads_are_what_the_codecs_make() -> None:
    for row in profile(build("resnet18"), pictures(1, 32), every=True)[::9]:
        for codec, size in row.payload.items():
            encoder = CODECS[codec_named(codec)]
            parts = [pictures(1, 8).new_zeros(tensor.shape) for tensor in row.point.tensors]
            assert size == sum(len(encoder.encode(part)) for part in parts)


def test_attention_is_counted() -> None:
    rows = {row.point.cut: row.head_macs for row in profile(tiny_vit(), pictures(1, 32))}
    tokens, width, hidden = 5, 16, 32
    block = tokens * (4 * width * width + 2 * width * hidden) + 2 * tokens * tokens * width
    assert rows["encoder.layers.encoder_layer_1"] - rows["encoder.layers.encoder_layer_0"] == block
