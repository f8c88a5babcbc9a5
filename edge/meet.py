"""Before the first frame: find out what the cloud runs, and refuse a cloud that runs something else."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import grpc

from edge.device import Device
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import codec_name
from keyhole.wire.errors import explain
from keyhole.wire.tensors import spec_of

CALL_SECONDS = 5.0
PAUSE_SECONDS = 0.2
REMIND_SECONDS = 5.0
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_log = logging.getLogger(__name__)


def wait_for_cloud(
    client: InferenceClient, address: str, stop: Stop, patience: float | None = None
) -> inference_pb2.DescribeResponse | None:
    """What the cloud says that it runs; waits until it is there. None if the run was stopped first.

    Args:
        client: of the cloud.
        address: where it should be, for messages.
        stop: ends the waiting.
        patience: seconds after which nobody waits any longer; None: for ever.

    Raises:
        UsageError: something else answers at the address, or nothing does and patience is over.
    """
    reminded, since = float("-inf"), time.monotonic()
    while not stop.is_set():
        try:
            return client.describe(CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() not in _AWAY:
                raise UsageError(f"no cloud that this edge can use at {address}: {explain(error)}") from error
            if patience is not None and time.monotonic() - since >= patience:
                raise UsageError(
                    f"no cloud at {address} within {patience:g} s (--wait-seconds): {explain(error)}. Start one with "
                    "keyhole cloud; both with --tls, or both without"
                ) from error
            if time.monotonic() - reminded > REMIND_SECONDS:
                reminded = time.monotonic()
                _log.warning(
                    "waiting for the cloud; if it is up, start both with --tls or both without",
                    extra={"cloud": address, "reason": explain(error)},
                )
        stop.wait(PAUSE_SECONDS)
    return None


def check_cloud(theirs: inference_pb2.DescribeResponse, device: Device, codec: int, address: str) -> None:
    """Compare what the cloud runs with what this edge would send.

    Raises:
        UsageError: they differ; the message lists every difference.
    """
    mine = device.header("", "")
    pairs = {
        "target": (theirs.target, mine.target),
        "model hash": (theirs.model_hash, mine.model_hash),
        "cut": (theirs.cut, mine.cut),
        "tensors": (_specs(theirs.tensors), _specs([spec_of(tensor.shape, tensor.dtype) for tensor in device.live])),
    }
    wrong = [f"{what} is {there} there, {here} here" for what, (there, here) in pairs.items() if there != here]
    if codec not in theirs.codecs:
        known = ", ".join(codec_name(value) for value in theirs.codecs)
        wrong.append(f"codec {codec_name(codec)} is not among its codecs ({known})")
    if wrong:
        raise UsageError(
            f"the cloud at {address} cannot finish this edge's frames: {'; '.join(wrong)}. "
            "Start both with the same --target, --weights and --cut"
        )


def _specs(specs: Iterable[tensor_pb2.TensorSpec]) -> str:
    return " ".join(f"{'×'.join(map(str, spec.shape))} {tensor_pb2.Dtype.Name(spec.dtype)}" for spec in specs)
