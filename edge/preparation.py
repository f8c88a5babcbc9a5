"""Preparation of an edge: every name in its settings is looked up, and its cloud must run the same model."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import grpc

from edge.device import Device
from edge.settings import EdgeSettings, check
from keyhole.data import Source, open_source
from keyhole.service.address import Address
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.settings import Forecast
from keyhole.sizes import check_comparable, size_text
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import codec_name, codec_named
from keyhole.wire.errors import AWAY, explain
from keyhole.wire.frames import pack_frame
from keyhole.wire.link_profiles import LinkProfile, link_profile
from keyhole.wire.tensors import spec_of

_TRIALS = 3


@dataclass(frozen=True)
class Prepared:
    """What the settings name, loaded.

    Attributes:
        device: the head and its defence.
        source: pictures of the device's size.
        codec: that packs the features.
        profile: of the emulated link.
    """

    device: Device
    source: Source
    codec: int
    profile: LinkProfile


def prepare(settings: EdgeSettings) -> Prepared:
    """Look up all that the settings name.

    Raises:
        UsageError: a value is out of range, or no such model, cut, defence, codec, link or pictures; or the monitor
            could not score pictures as small.
    """
    check(settings)
    for address in filter(None, (settings.cloud, settings.monitor, settings.metrics)):
        Address.parse(address)
    codec, profile = codec_named(settings.codec), link_profile(settings.link)
    device = Device.load(settings)
    if settings.monitor:
        check_comparable(device.size)
    source = open_source(settings.source, pool="audit", size=device.size, seed=settings.seed, secrets=True)
    return Prepared(device, source, codec, profile)


def forecast(settings: EdgeSettings) -> Forecast:
    """What the edge would do; one picture is taken and packed for it, and nothing sent.

    Raises:
        UsageError: see `prepare`.
    """
    prepared = prepare(settings)
    device = prepared.device
    picture = next(iter(prepared.source)).picture[None]
    device.warm_up()
    taken = []
    for _ in range(_TRIALS):
        started = time.perf_counter()
        frame = pack_frame(device.header("", settings.name), device(picture), prepared.codec).to_wire()
        taken.append(time.perf_counter() - started)
    seconds = settings.slowdown * median(taken)
    return Forecast(
        f"{device.target.name} ({device.target.weights} weights) at {size_text(device.size)} px up to "
        f"{device.partition.plan.cut}: {1e3 * seconds:.0f} ms a frame, {len(frame) / 1024:.0f} KiB as {settings.codec} "
        f"over link {settings.link}; defence {device.defence_name}; pictures of {settings.source}",
        seconds,
    )


CALL_SECONDS = 5.0
PAUSE_SECONDS = 0.2
REMIND_SECONDS = 5.0
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
            if error.code() not in AWAY:
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
