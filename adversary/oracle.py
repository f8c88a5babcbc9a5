"""The adversary's own device, over gRPC."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from torch import Tensor

from keyhole.attacks.knowledge import OracleAwayError, OracleSpentError
from keyhole.v1 import oracle_pb2, oracle_pb2_grpc, tensor_pb2
from keyhole.wire.errors import WireError, explain
from keyhole.wire.pictures import pack_picture
from keyhole.wire.tensors import unpack

CALL_SECONDS = 10.0
_AWAY = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
)


class RemoteOracle:
    """Sends pictures, reads features.

    Args:
        channel: to the oracle.
        answered: called with the number of pictures of each answer.
        codec: how the answers are packed; value of the proto's enum.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        answered: Callable[[int], object] = lambda _: None,
        codec: tensor_pb2.Codec.ValueType = tensor_pb2.CODEC_FP16,
    ) -> None:
        self._stub = oracle_pb2_grpc.OracleStub(channel)
        self._answered = answered
        self._codec = codec

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Features of RGB pictures in [0, 1], N×3×size×size: the live tensors of the cut, N×… each.

        Raises:
            OracleAwayError: it cannot be reached, or its answer is damaged.
            OracleSpentError: it refuses: its budget is used up, or it expects other pictures.
        """
        request = oracle_pb2.QueryRequest(pictures=[pack_picture(picture) for picture in pictures], codec=self._codec)
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
