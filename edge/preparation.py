"""What an edge needs before it meets the cloud: every name in its settings, looked up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from edge.device import Device
from edge.settings import EdgeSettings, check
from keyhole.data import Source, open_source
from keyhole.service.address import Address
from keyhole.service.forecast import Forecast
from keyhole.sizes import check_comparable, size_text
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import pack_frame
from keyhole.wire.link_profiles import LinkProfile, link_profile

_TRIALS = 3


@dataclass(frozen=True)
class Prepared:
    """See the module.

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
