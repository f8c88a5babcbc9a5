"""The oracle process: a device that runs the edge's head and defence on pictures that others send."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial

import grpc
import torch
from torch import Tensor

from edge.device import Device
from edge.settings import OracleSettings
from keyhole.service import lifecycle
from keyhole.service.address import announce
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.sizes import height_width
from keyhole.v1 import oracle_pb2, oracle_pb2_grpc
from keyhole.wire.codec_registry import CODECS, codec_name
from keyhole.wire.errors import WireError, invalid
from keyhole.wire.limits import MAX_MESSAGE
from keyhole.wire.pictures import unpack_picture
from keyhole.wire.server import Registration, serve
from keyhole.wire.tensors import pack

NO_BUDGET = 2**64 - 1
MAX_PICTURES = 256
_ROOM = MAX_MESSAGE - (1 << 16)  # bytes for payloads; the rest of a message holds shapes and counts


class QueryAllowance:
    """Pictures that may still be answered.

    Args:
        limit: pictures in all; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._answered = 0
        self._lock = threading.Lock()

    def spend(self, pictures: int) -> tuple[int, int]:
        """Take ``pictures`` off the budget; returns pictures answered so far and pictures left.

        Raises:
            WireError: RESOURCE_EXHAUSTED, fewer are left; nothing is taken.
        """
        with self._lock:
            left = NO_BUDGET if self._limit is None else self._limit - self._answered
            if pictures > left:
                raise WireError(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    "pictures",
                    f"expected at most {left}, what is left of a budget of {self._limit}, got {pictures}",
                )
            self._answered += pictures
            return self._answered, left if self._limit is None else left - pictures


class OracleService(oracle_pb2_grpc.OracleServicer):
    """Answers queries with protected features, one query at a time.

    Args:
        device: head and defence.
        allowance: pictures that may be answered.
        metrics: answered pictures are counted here.
    """

    def __init__(self, device: Device, allowance: QueryAllowance, metrics: Metrics) -> None:
        self._device = device
        self._allowance = allowance
        self._metrics = metrics
        self._one_at_a_time = threading.Lock()

    def Query(  # noqa: N802
        self, request: oracle_pb2.QueryRequest, _context: grpc.ServicerContext
    ) -> oracle_pb2.QueryResponse:
        """Features of the pictures; raises ``WireError`` for a query that cannot be answered."""
        pictures = self._pictures(request)
        answered, remaining = self._allowance.spend(len(pictures))
        with self._one_at_a_time:
            features = self._device(pictures)
        self._metrics.oracle_queries.inc(len(pictures))
        return oracle_pb2.QueryResponse(
            tensors=[pack(tensor, request.codec) for tensor in features], answered=answered, remaining=remaining
        )

    def _pictures(self, request: oracle_pb2.QueryRequest) -> Tensor:
        """The query's pictures, N×3×H×W."""
        if request.codec not in CODECS:
            names = ", ".join(codec_name(codec) for codec in CODECS)
            raise invalid("codec", f"expected one of {names}, got {request.codec}")
        most = self._most(request.codec)
        if not 0 < len(request.pictures) <= most:
            raise invalid("pictures", f"expected 1 to {most} pictures, got {len(request.pictures)}")
        shape = (3, *height_width(self._device.size))
        pictures = []
        for index, message in enumerate(request.pictures):
            picture = unpack_picture(message, field=f"pictures[{index}]")
            if picture.shape != shape:
                height, width = picture.shape[1:]
                raise invalid(f"pictures[{index}]", f"expected {shape[2]}×{shape[1]} pixels, got {width}×{height}")
            pictures.append(picture)
        return torch.stack(pictures)

    def _most(self, codec: int) -> int:
        """Pictures whose features fit in one answer."""
        each = sum(CODECS[codec].size(tensor.shape) for tensor in self._device.live)
        return max(1, min(MAX_PICTURES, _ROOM // max(each, 1)))


def run(settings: OracleSettings) -> int:
    """Serve until told to stop; returns the exit code."""
    return lifecycle.run("oracle", partial(oracle, settings), settings.log)


def oracle(settings: OracleSettings, stop: Stop) -> None:
    """Serve until ``stop``, then drain.

    Raises:
        UsageError: a setting is out of range, or no such model, cut or defence.
        OSError: the address cannot be listened on.
    """
    if settings.budget is not None and settings.budget < 0:
        raise UsageError(f"--budget {settings.budget}: expected 0 or more pictures")
    device = Device.load(settings, "oracle")
    device.warm_up()
    with ExitStack() as open_:  # closed from the last line to the first
        metrics = Metrics("oracle")
        open_.callback(metrics.close)
        page = metrics.serve(settings.metrics)
        servicer = OracleService(device, QueryAllowance(settings.budget), metrics)
        registration = Registration(
            "keyhole.v1.Oracle", partial(oracle_pb2_grpc.add_OracleServicer_to_server, servicer)
        )
        server = serve([registration], settings.listen, metrics=metrics, tls=settings.tls)
        open_.callback(server.stop)
        announce(
            settings.addresses,
            server.address,
            page,
            target=device.target.name,
            cut=device.partition.plan.cut,
            defence=device.defence_name,
            budget="none" if settings.budget is None else settings.budget,
        )
        stop.wait()
