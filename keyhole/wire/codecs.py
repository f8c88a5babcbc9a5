"""Tensors to bytes and back: one codec for each value of the proto's ``Codec``.

Numbers are little-endian, in C order. Every codec takes any shape: 0-d, empty and non-contiguous tensors too.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from keyhole.service.errors import unknown_name
from keyhole.v1 import tensor_pb2
from keyhole.wire.cast import Cast
from keyhole.wire.codec import Codec
from keyhole.wire.int8 import Int8
from keyhole.wire.zstd import Zstd

_PLAIN: Mapping[str, Codec] = {
    "fp32": Cast(torch.float32),
    "fp16": Cast(torch.float16),
    "bf16": Cast(torch.bfloat16),
    "int8": Int8(),
}
_BY_NAME: Mapping[str, Codec] = {**_PLAIN, **{f"{name}+zstd": Zstd(codec) for name, codec in _PLAIN.items()}}


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
