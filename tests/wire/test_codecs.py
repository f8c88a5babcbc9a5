from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from keyhole.service.errors import UsageError
from keyhole.v1 import tensor_pb2
from keyhole.wire.codec_registry import CODEC_NAMES, CODECS, codec_name, codec_named
from keyhole.wire.codecs import CodecError

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
ODD_SHAPES = [
    (),
    (0,),
    (1,),
    (7,),
    (0, 3),
    (3, 0),
    (2, 0, 4),
    (0, 2, 5),
    (1, 1, 4, 4),
    (1, 5, 1, 1),
    (6, 8),
    (2, 3, 4, 5),
]
TINY = 1e-40


def finite(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    largest = torch.finfo(dtype).max
    return torch.from_numpy(values).clamp(-largest, largest).to(dtype)


@st.composite
def tensors(draw: st.DrawFn, dtype: torch.dtype = torch.float32) -> Tensor:
    """Any finite tensor of up to four dimensions, empty and 0-d too, half of them not contiguous."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    tensor = finite(draw(hnp.arrays(np.float32, shape, elements=numbers)), dtype)
    if tensor.dim() >= 2 and draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    if tensor.dim() >= 1 and draw(st.booleans()):
        tensor = tensor[::2]
    return tensor


any_tensor = st.sampled_from(DTYPES).flatmap(tensors)


def round_trip(tensor: Tensor, name: str) -> Tensor:
    codec = CODECS[codec_named(name)]
    payload = codec.encode(tensor)
    if "zstd" not in name:
        assert len(payload) == codec.size(tensor.shape)
    decoded = codec.decode(payload, tensor.shape, tensor.dtype)
    assert decoded.shape == tensor.shape
    assert decoded.dtype == tensor.dtype
    return decoded


def error(tensor: Tensor, decoded: Tensor) -> Tensor:
    return (tensor.double() - decoded.double()).abs()


@pytest.mark.parametrize("name", ["fp32", "fp32+zstd"])
@given(tensor=any_tensor)
@settings(deadline=None)
def test_fp32_is_exact_for_every_dtype(name: str, tensor: Tensor) -> None:
    decoded = round_trip(tensor, name)
    assert torch.equal(decoded, tensor)
    assert torch.equal(decoded.signbit(), tensor.signbit())


@pytest.mark.parametrize("name", ["fp16", "fp16+zstd"])
@given(tensor=any_tensor)
@settings(deadline=None)
def test_fp16_rounds_to_eleven_bits_and_saturates(name: str, tensor: Tensor) -> None:
    decoded = round_trip(tensor, name)
    numbers = tensor.double()
    assert decoded.isfinite().all()
    if tensor.dtype is torch.float16:
        assert torch.equal(decoded, tensor)
    inside = numbers.abs() <= 65504
    rounding = 2.0**-11 if tensor.dtype is not torch.bfloat16 else 2.0**-8
    assert (error(tensor, decoded) <= numbers.abs() * rounding + 2.0**-25)[inside].all()
    assert (decoded.double().abs() >= 65504)[~inside].all()
    assert (decoded.double().sign() == numbers.sign())[~inside].all()


@pytest.mark.parametrize("name", ["bf16", "bf16+zstd"])
@given(tensor=any_tensor)
@settings(deadline=None)
def test_bf16_rounds_to_eight_bits_and_saturates(name: str, tensor: Tensor) -> None:
    decoded = round_trip(tensor, name)
    assert decoded.isfinite().all()
    if tensor.dtype is torch.bfloat16:
        assert torch.equal(decoded, tensor)
    smallest = 2.0**-24 if tensor.dtype is torch.float16 else TINY
    assert (error(tensor, decoded) <= tensor.double().abs() * 2.0**-8 + smallest).all()


def scales(tensor: Tensor) -> Tensor:
    """The int8 codec's step for every number: largest magnitude of its channel / 127."""
    numbers = tensor.double().abs()
    if not tensor.numel():
        return numbers
    if tensor.dim() < 2:
        return numbers.max().expand_as(numbers) / 127
    others = [dim for dim in range(tensor.dim()) if dim != 1]
    return numbers.amax(others, keepdim=True).expand_as(numbers) / 127


@pytest.mark.parametrize("name", ["int8", "int8+zstd"])
@given(tensor=any_tensor)
@settings(deadline=None)
def test_int8_is_within_half_a_step_of_its_channel(name: str, tensor: Tensor) -> None:
    decoded = round_trip(tensor, name)
    assert decoded.isfinite().all()
    rounding = {torch.float32: 1e-6, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}[tensor.dtype]
    smallest = 2.0**-25 if tensor.dtype is torch.float16 else TINY
    bound = scales(tensor) / 2 * (1 + 1e-5) + tensor.double().abs() * 1.01 * rounding + smallest
    within_rounding = bound + scales(tensor) / 2 * rounding
    assert (error(tensor, decoded) <= within_rounding).all()


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", ODD_SHAPES)
def test_odd_shapes(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    decoded = round_trip(tensor, name)
    assert torch.allclose(decoded.float(), tensor.float(), atol=0.03, rtol=0.02)


@pytest.mark.parametrize("shape", [(), (5,)])
def test_int8_takes_tensors_without_channels_as_one_channel(shape: tuple[int, ...]) -> None:
    tensor = torch.full(shape, -2.54)
    codec = CODECS[tensor_pb2.CODEC_INT8]
    payload = codec.encode(tensor)
    assert len(payload) == tensor.numel() + 4
    assert np.frombuffer(payload[:4], "<f4")[0] == pytest.approx(0.02)
    assert set(np.frombuffer(payload[4:], np.int8)) == {-127}


def test_int8_scales_each_channel_by_itself() -> None:
    tensor = torch.stack([torch.linspace(-1, 1, 8), torch.linspace(-1000, 1000, 8)], dim=0)[None]
    decoded = round_trip(tensor, "int8")
    assert error(tensor, decoded)[0, 0].max() <= 1 / 127 / 2 * 1.0001
    assert error(tensor, decoded)[0, 1].max() > 1


@pytest.mark.parametrize("name", ["fp16", "fp16+zstd"])
def test_fp16_saturates_and_keeps_infinity(name: str) -> None:
    tensor = torch.tensor([65504.0, 65520.0, 1e30, -1e30, float("inf"), -float("inf"), float("nan")])
    decoded = round_trip(tensor, name)
    assert decoded[:6].tolist() == [65504.0, 65504.0, 65504.0, -65504.0, float("inf"), -float("inf")]
    assert decoded[6].isnan()


def test_a_value_that_rounds_up_on_the_way_does_not_overflow_its_own_dtype() -> None:
    tensor = torch.tensor([[65504.0]], dtype=torch.float16)
    assert round_trip(tensor, "bf16").item() == 65504.0
    assert round_trip(tensor, "int8").item() == 65504.0


def test_view_borrows_and_encode_does_not() -> None:
    tensor = torch.zeros(1, 2)
    codec = CODECS[tensor_pb2.CODEC_FP32]
    borrowed, own = codec.view(tensor), codec.encode(tensor)
    tensor.fill_(1.0)
    assert np.frombuffer(borrowed, "<f4").tolist() == [1.0, 1.0]
    assert np.frombuffer(own, "<f4").tolist() == [0.0, 0.0]


def test_decode_owns_and_decode_view_may_borrow() -> None:
    payload = bytearray(np.zeros(2, "<f4").tobytes())
    codec = CODECS[tensor_pb2.CODEC_FP32]
    own, borrowed = codec.decode(bytes(payload), (2,), torch.float32), codec.decode_view(payload, (2,), torch.float32)
    payload[:4] = np.ones(1, "<f4").tobytes()
    assert own.tolist() == [0.0, 0.0]
    assert borrowed.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_unaligned_payloads_are_copied(offset: int) -> None:
    numbers = np.arange(4, dtype="<f4")
    payload = memoryview(bytes(offset) + numbers.tobytes())[offset:]
    tensor = CODECS[tensor_pb2.CODEC_FP32].decode_view(payload, (2, 2), torch.float32)
    assert tensor.data_ptr() % 4 == 0
    assert tensor.flatten().tolist() == numbers.tolist()


def test_gradients_do_not_matter() -> None:
    tensor = torch.ones(1, 3, requires_grad=True)
    assert torch.equal(round_trip(tensor, "fp32"), tensor.detach())


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("change", [lambda payload: payload[:-1], lambda payload: payload + b"\0", lambda _: b""])
def test_a_payload_of_the_wrong_length_is_refused(name: str, change: Callable[[bytes], bytes]) -> None:
    codec = CODECS[codec_named(name)]
    payload = change(codec.encode(torch.ones(1, 3, 2)))
    with pytest.raises(CodecError, match="expected"):
        codec.decode(payload, (1, 3, 2), torch.float32)


def test_a_zstd_bomb_is_refused_by_what_it_states() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    with pytest.raises(CodecError, match=r"expected 24 bytes after decompression for shape .*, got 268435456"):
        CODECS[tensor_pb2.CODEC_FP32_ZSTD].decode(bomb, (1, 6), torch.float32)


def test_a_zstd_bomb_that_states_no_size_is_bounded_by_the_shape() -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 28))
    with pytest.raises(CodecError, match="expected one zstd frame that holds 24 bytes"):
        CODECS[tensor_pb2.CODEC_FP32_ZSTD].decode(bomb, (1, 6), torch.float32)


def test_zstd_that_states_no_size_is_taken_where_it_fits() -> None:
    tensor = torch.arange(6.0).reshape(1, 6)
    payload = zstandard.ZstdCompressor(write_content_size=False).compress(tensor.numpy().tobytes())
    assert torch.equal(CODECS[tensor_pb2.CODEC_FP32_ZSTD].decode(payload, (1, 6), torch.float32), tensor)


@given(payload=st.binary(max_size=64))
@settings(deadline=None)
def test_garbage_never_decodes_to_anything_but_an_error_or_the_shape(payload: bytes) -> None:
    for codec in CODECS.values():
        try:
            assert codec.decode(payload, (1, 2, 2), torch.float32).shape == (1, 2, 2)
        except CodecError:
            continue


def test_every_enum_value_has_a_codec_and_a_name() -> None:
    values = set(tensor_pb2.Codec.values()) - {tensor_pb2.CODEC_UNSPECIFIED}
    assert set(CODECS) == values
    assert {codec_named(name) for name in CODEC_NAMES} == values
    assert all(codec_named(codec_name(value)) == value for value in values)


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown codec 'fp31': did you mean fp32"):
        codec_named("fp31")
    with pytest.raises(UsageError, match=r"expected one of .*fp32\+zstd"):
        codec_named("jpeg")


def test_an_unknown_value_has_no_name() -> None:
    with pytest.raises(UsageError, match="unknown codec '99'"):
        codec_name(99)


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_it_says_whether_pictures_packed_together_come_out_as_if_alone(name: str) -> None:
    batch = (
        torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    )
    alone = torch.cat([round_trip(one, name) for one in batch.split(1)])
    assert torch.equal(round_trip(batch, name), alone) is CODECS[codec_named(name)].together
