"""Errors that cross the wire: a status with the field at fault and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

MAX_REASON = 500
AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
"""Statuses of calls to a server that is not there, or not in time: the same call may succeed later."""


class WireError(Exception):
    """A call that cannot be served as it was made.

    Raised by a service it ends the call with this status; the server lives on.

    Args:
        code: status of the call, for example ``grpc.StatusCode.INVALID_ARGUMENT``.
        field: path of the field at fault, for example ``tensors[0].spec.shape``.
        reason: what was expected and what came; cut at ``MAX_REASON`` characters, since it may quote the caller.
    """

    def __init__(self, code: grpc.StatusCode, field: str, reason: str) -> None:
        reason = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
        super().__init__(f"{field}: {reason}")
        self.code = code
        self.field = field
        self.reason = reason


def invalid(field: str, reason: str) -> WireError:
    """An INVALID_ARGUMENT: the message is wrong whatever the server's state."""
    return WireError(grpc.StatusCode.INVALID_ARGUMENT, field, reason)


def unmet(field: str, reason: str) -> WireError:
    """A FAILED_PRECONDITION: the message is sound but does not fit what this server runs."""
    return WireError(grpc.StatusCode.FAILED_PRECONDITION, field, reason)


def abort(context: grpc.ServicerContext, error: WireError) -> NoReturn:
    """End a call with the error's status and a ``google.rpc.BadRequest`` that names the field."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.reason)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code.name), message=str(error), details=[detail])
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status returned")


def violations(error: grpc.RpcError) -> Sequence[tuple[str, str]]:
    """The fields at fault and the reasons, as ``abort`` sent them; empty where the server sent none."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    found: list[tuple[str, str]] = []
    details: Sequence[Any] = status.details if status else ()
    for detail in details:
        request: Any = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            found += [(violation.field, violation.description) for violation in request.field_violations]
    return found


def explain(error: grpc.RpcError) -> str:
    """One line on a failed call, for a log: ``INVALID_ARGUMENT: tensors[0].spec.shape: expected …``."""
    if not isinstance(error, grpc.Call):
        return str(error) or type(error).__name__
    code = error.code()
    reasons = [f"{field}: {reason}" for field, reason in violations(error)]
    return f"{code.name if code else 'UNKNOWN'}: {'; '.join(reasons) or error.details() or 'no details'}"
