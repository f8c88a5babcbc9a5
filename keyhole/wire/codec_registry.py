"""Codecs by the proto's enum and by name, such as ``int8+zstd``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from keyhole.service.errors import unknown_name
from keyhole.v1 import tensor_pb2
from keyhole.wire.codecs import Codec, FloatCodec, Int8Codec, ZstdCodec

_PLAIN: Mapping[str, Codec] = {
    "fp32": FloatCodec(torch.float32),
    "fp16": FloatCodec(torch.float16),
    "bf16": FloatCodec(torch.bfloat16),
    "int8": Int8Codec(),
}
_BY_NAME: Mapping[str, Codec] = {**_PLAIN, **{f"{name}+zstd": ZstdCodec(codec) for name, codec in _PLAIN.items()}}


def _value(name: str) -> tensor_pb2.Codec.ValueType:
    return tensor_pb2.Codec.Value("CODEC_" + name.upper().replace("+", "_"))


_VALUES: Mapping[str, tensor_pb2.Codec.ValueType] = {name: _value(name) for name in _BY_NAME}
_NAMES: Mapping[int, str] = {value: name for name, value in _VALUES.items()}

CODECS: Mapping[int, Codec] = {_VALUES[name]: codec for name, codec in _BY_NAME.items()}
"""Codec by value of the proto's enum."""

CODEC_NAMES: tuple[str, ...] = tuple(_BY_NAME)
"""``fp32 fp16 bf16 int8`` and each with ``+zstd``."""

if _missing := set(tensor_pb2.Codec.values()) - {tensor_pb2.CODEC_UNSPECIFIED} - set(CODECS):
    raise RuntimeError(f"no codec for {[tensor_pb2.Codec.Name(value) for value in sorted(_missing)]}")


def codec_named(name: str) -> tensor_pb2.Codec.ValueType:
    """The enum's value for a name such as ``fp16`` or ``int8+zstd``.

    Raises:
        UsageError: no codec has that name; the message gives the nearest.
    """
    if name not in _VALUES:
        raise unknown_name("codec", name, _VALUES)
    return _VALUES[name]


def codec_name(codec: int) -> str:
    """The name of an enum value, as in ``codec_named``.

    Raises:
        UsageError: no codec has that value.
    """
    if codec not in _NAMES:
        raise unknown_name("codec", str(codec), [f"{value} ({name})" for value, name in _NAMES.items()])
    return _NAMES[codec]


def through_codec(tensors: Sequence[Tensor], codec: str) -> tuple[Tensor, ...]:
    """Tensors packed and unpacked as frames do it: picture by picture, so that each has scales of its own.

    Args:
        tensors: N×… each.
        codec: its name, such as ``int8``.

    Returns:
        Tensors of the same shapes and types, in memory of their own.

    Raises:
        UsageError: no codec has that name.

    >>> through_codec([torch.tensor([[0.1, 100000.0]])], "fp16")[0].tolist()
    [[0.0999755859375, 65504.0]]
    """
    packing = CODECS[codec_named(codec)]
    return tuple(
        torch.cat([packing.decode(packing.view(part), part.shape, part.dtype) for part in torch.split(tensor, 1)])
        for tensor in tensors
    )
