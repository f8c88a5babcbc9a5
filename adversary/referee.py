"""Hands reconstructions to the monitor, which alone holds the truth and tells nobody here how good they are."""

from __future__ import annotations

import logging
from collections.abc import Callable

import grpc

from keyhole.service.lifecycle import Stop
from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.client import Retry
from keyhole.wire.errors import explain

FLEETING_SECONDS = 1.0  # for a picture that a better one will follow
FINAL_SECONDS = 4.0
_log = logging.getLogger(__name__)


class Referee:
    """Submits reconstructions; one that does not arrive is counted and given up.

    Args:
        channel: to the monitor's submit port.
        lost: called for each that did not arrive.
    """

    def __init__(self, channel: grpc.Channel, lost: Callable[[], object] = lambda: None) -> None:
        self._stub = referee_pb2_grpc.RefereeStub(channel)
        self._lost = lost
        self._away = False

    def submit(self, reconstruction: referee_pb2.Reconstruction, stop: Stop | None = None) -> bool:
        """Whether the monitor has it: it may be away, or refuse. A final picture is sent again for a while."""
        retry = Retry(FINAL_SECONDS if reconstruction.final else FLEETING_SECONDS)
        try:
            retry.call(lambda left: self._stub.Submit(reconstruction, timeout=left), stop)
        except grpc.RpcError as error:
            self._lost()
            self._note(away=True, reason=explain(error))
            return False
        except ValueError:  # how gRPC says that the channel was closed
            self._lost()
            return False
        self._note(away=False)
        return True

    def _note(self, *, away: bool, reason: str = "") -> None:
        if away != self._away:
            self._away = away
            if away:
                _log.warning("the monitor takes no reconstructions", extra={"reason": reason})
            else:
                _log.info("the monitor takes reconstructions again")
