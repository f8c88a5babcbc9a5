"""The adversary's side of the monitor's submit port: reconstructions and its roster go out, nothing comes back."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import grpc

from keyhole.service.lifecycle import Stop
from keyhole.service.logs import AbsenceLog
from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.channels import Retry
from keyhole.wire.errors import explain

FLEETING_SECONDS = 1.0  # for a picture that a better one will follow
FINAL_SECONDS = 4.0
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_log = logging.getLogger(__name__)


class RefereeClient:
    """Hands reconstructions to the monitor, which alone holds the truth and tells nobody here how good they are. One
    that does not arrive is counted and given up.

    Args:
        channel: to the monitor's submit port.
        lost: called for each that did not arrive.
    """

    def __init__(self, channel: grpc.Channel, lost: Callable[[], object] = lambda: None) -> None:
        self._stub = referee_pb2_grpc.RefereeStub(channel)
        self._lost = lost
        self._absence = AbsenceLog(
            _log, "the monitor takes no reconstructions", "the monitor takes reconstructions again"
        )

    def submit(self, reconstruction: referee_pb2.Reconstruction, stop: Stop | None = None) -> bool:
        """Whether the monitor has it: it may be away, or refuse. A final picture is sent again for a while."""
        retry = Retry(FINAL_SECONDS if reconstruction.final else FLEETING_SECONDS)
        try:
            retry.call(lambda left: self._stub.Submit(reconstruction, timeout=left), stop)
        except grpc.RpcError as error:
            self._lost()
            self._absence.note(away=True, reason=explain(error))
            return False
        except ValueError:  # how gRPC says that the channel was closed
            self._lost()
            return False
        self._absence.note(away=False)
        return True

    def recall(self, picture: referee_pb2.ClassPicture) -> bool:
        """Whether the monitor has a picture of a class, or refuses it for good; it is worth sending again if not."""
        try:
            self._stub.Recall(picture, timeout=FINAL_SECONDS if picture.final else FLEETING_SECONDS)
        except grpc.RpcError as error:
            self._absence.note(away=True, reason=explain(error))
            return not isinstance(error, grpc.Call) or error.code() not in _PASSING
        except ValueError:
            return False
        return True

    def announce(self, roster: referee_pb2.Roster) -> None:
        """Say what runs and how far it is, once; the next roster makes up for one that does not arrive."""
        with contextlib.suppress(grpc.RpcError, ValueError):
            self._stub.Announce(roster, timeout=FLEETING_SECONDS)
