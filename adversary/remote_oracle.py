"""The adversary's own device over gRPC, whose answers are packed as the tapped frames are."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc
import torch
from torch import Tensor

from keyhole.attacks.base import OracleAwayError, OracleSpentError
from keyhole.v1 import oracle_pb2, oracle_pb2_grpc, tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import WireError, explain
from keyhole.wire.pictures import pack_picture
from keyhole.wire.tensors import unpack

CALL_SECONDS = 10.0
_AWAY = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
)


class ObservedCodec:
    """How frames are packed, as the newest one says. Nobody tells the adversary otherwise. Safe for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._codec: int | None = None

    def note(self, codec: int) -> None:
        """A frame came that is packed so; value of the proto's enum."""
        with self._changed:
            self._codec = codec
            self._changed.notify_all()

    def wait(self, seconds: float) -> int | None:
        """The codec, as soon as there was a frame; None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._codec is not None, seconds)
            return self._codec


class RemoteOracle:
    """Pictures go in, features come out, packed as the frames are: a network that learns from other numbers than it
    will get is a worse attack. Until the first frame nobody knows how that is, and the oracle counts as away.

    Args:
        channel: to the oracle.
        codec: of the frames.
        answered: called with the number of pictures of each answer.
        patience: seconds that a query waits for the first frame.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        codec: ObservedCodec,
        answered: Callable[[int], object] = lambda _: None,
        patience: float = 1.0,
    ) -> None:
        self._stub = oracle_pb2_grpc.OracleStub(channel)
        self._codec = codec
        self._answered = answered
        self._patience = patience

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Features of RGB pictures in [0, 1], N×3×H×W: the live tensors of the cut, N×… each.

        Raises:
            OracleAwayError: it cannot be reached, its answer is damaged, or no frame has been tapped yet.
            OracleSpentError: it refuses: its budget is used up, or it expects other pictures.
        """
        codec = self._codec.wait(self._patience)
        if codec is None:
            raise OracleAwayError("no frame has been tapped, which would show how features are packed")
        together = len(pictures) if CODECS[codec].together else 1
        answers = [self._ask(part, codec) for part in torch.split(pictures, together)]
        if len({len(answer) for answer in answers}) != 1:
            raise OracleAwayError("its answers have different numbers of tensors")
        return tuple(torch.cat(parts) for parts in zip(*answers, strict=True))

    def _ask(self, pictures: Tensor, codec: int) -> tuple[Tensor, ...]:
        request = oracle_pb2.QueryRequest(
            pictures=[pack_picture(picture) for picture in pictures], codec=tensor_pb2.Codec.ValueType(codec)
        )
        try:
            response = self._stub.Query(request, timeout=CALL_SECONDS)
            features = tuple(unpack(m, field=f"tensors[{i}]").float() for i, m in enumerate(response.tensors))
        except (ValueError, WireError) as error:  # ValueError: how gRPC says that the channel was closed
            raise OracleAwayError(str(error)) from error
        except grpc.RpcError as error:
            kind = OracleAwayError if error.code() in _AWAY else OracleSpentError
            raise kind(explain(error)) from error
        if not features or any(len(tensor) != len(pictures) for tensor in features):
            raise OracleAwayError(
                f"expected features of {len(pictures)} pictures, got {len(features)} tensors of others"
            )
        self._answered(len(pictures))
        return features
