"""Table of all methods: whose certificate opens each, and how many calls of it there may be at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyhole.wire.tls import ROLES

INFERENCE, TAP, REFEREE = "keyhole.v1.Inference", "keyhole.v1.Tap", "keyhole.v1.Referee"
"""Full names of services."""
ANYONE = frozenset(ROLES)
EDGE, ADVERSARY, MONITOR = (frozenset({role}) for role in ("edge", "adversary", "monitor"))


@dataclass(frozen=True)
class RpcMethod:
    """What is allowed of one method.

    Attributes:
        roles: whose certificates open it under TLS. In plain text nobody has a certificate, and anyone may call.
        calls: most calls at once; each holds a thread.
    """

    roles: frozenset[str]
    calls: int


METHODS: Mapping[str, RpcMethod] = {
    f"/{INFERENCE}/Describe": RpcMethod(EDGE, 16),
    f"/{INFERENCE}/Infer": RpcMethod(EDGE, 64),
    f"/{INFERENCE}/InferStream": RpcMethod(EDGE, 16),
    f"/{TAP}/Subscribe": RpcMethod(ADVERSARY, 8),
    "/keyhole.v1.Oracle/Query": RpcMethod(ADVERSARY, 16),
    f"/{REFEREE}/Witness": RpcMethod(EDGE, 32),
    f"/{REFEREE}/Conclude": RpcMethod(EDGE, 32),
    f"/{REFEREE}/Settle": RpcMethod(EDGE, 8),
    f"/{REFEREE}/Submit": RpcMethod(ADVERSARY, 32),
    f"/{REFEREE}/Announce": RpcMethod(ADVERSARY, 4),
    f"/{REFEREE}/Recall": RpcMethod(ADVERSARY, 4),
    f"/{REFEREE}/Attend": RpcMethod(MONITOR, 4),
    f"/{REFEREE}/Watch": RpcMethod(EDGE | MONITOR, 8),
    "/grpc.health.v1.Health/Check": RpcMethod(ANYONE, 32),
    "/grpc.health.v1.Health/Watch": RpcMethod(ANYONE, 8),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": RpcMethod(ANYONE, 4),
}
"""By full name. A method that is not listed is not served."""
