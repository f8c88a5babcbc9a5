import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from keyhole.partition import profile
from keyhole.wire.codec_registry import CODECS, codec_named
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


TOKENS, WIDTH, HIDDEN = 5, 16, 32
PROJECTIONS, PRODUCTS, MLP = 4 * TOKENS * WIDTH * WIDTH, 2 * TOKENS * TOKENS * WIDTH, 2 * TOKENS * WIDTH * HIDDEN


def test_attention_is_counted() -> None:
    rows = {row.point.cut: row.head_macs for row in profile(tiny_vit(), pictures(1, 32))}
    block = rows["encoder.layers.encoder_layer_1"] - rows["encoder.layers.encoder_layer_0"]
    assert block == PROJECTIONS + PRODUCTS + MLP


class Tokens(nn.Module):
    """Five tokens of width 16 from a picture, and what is done to them."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1)[:, : TOKENS * WIDTH].reshape(-1, TOKENS, WIDTH))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Scaled dot-product attention of heads that share keys and values, in groups."""

    def __init__(self, heads: int, groups: int, mask: bool = False) -> None:
        super().__init__()
        self.heads, self.groups = heads, groups
        self.mask = torch.zeros(TOKENS, TOKENS) if mask else None

    def forward(self, x: Tensor) -> Tensor:
        query = x.reshape(-1, TOKENS, self.heads, WIDTH // self.heads).transpose(1, 2)
        key = query[:, : self.groups]
        grouped = self.groups < self.heads
        return nn.functional.scaled_dot_product_attention(query, key, key, attn_mask=self.mask, enable_gqa=grouped)


class Whole(nn.MultiheadAttention):
    """Attention of tokens to themselves, which returns its weights too or does not."""

    def __init__(self, weights: bool) -> None:
        super().__init__(WIDTH, 2, batch_first=True)
        self.weights = weights

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, x, x, need_weights=self.weights)[0]


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (Attention(heads=4, groups=4), PRODUCTS),
        (Attention(heads=4, groups=4, mask=True), PRODUCTS),
        (Attention(heads=4, groups=2), PRODUCTS),
        (Attention(heads=4, groups=1), PRODUCTS),
        (Whole(weights=True), PROJECTIONS + PRODUCTS),
        (Whole(weights=False), PROJECTIONS + PRODUCTS),
        (nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True), PROJECTIONS + PRODUCTS + MLP),
        (nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True, norm_first=True), PROJECTIONS + PRODUCTS + MLP),
    ],
    ids=["sdpa", "sdpa-mask", "sdpa-groups", "sdpa-one-group", "mha-weights", "mha", "layer", "layer-norm-first"],
)
@pytest.mark.parametrize("fused", [True, False])
def test_attention_costs_the_same_by_every_way_through_torch(layer: nn.Module, macs: int, fused: bool) -> None:
    backends = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH] if fused else [SDPBackend.MATH]
    with sdpa_kernel(backends):
        assert profile(Tokens(layer), pictures(1, 32))[-1].head_macs == macs


def test_products_with_a_vector_are_counted() -> None:
    class Weighed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.ones(WIDTH))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weights

    assert profile(Tokens(Weighed()), pictures(1, 32))[-1].head_macs == TOKENS * WIDTH
