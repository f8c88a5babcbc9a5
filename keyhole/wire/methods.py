"""Every method that a process serves: whose certificate opens it, and how many calls of it there may be at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyhole.wire.tls import ROLES

REFEREE = "keyhole.v1.Referee"
ANYONE = frozenset(ROLES)
EDGE, ADVERSARY, MONITOR = (frozenset({role}) for role in ("edge", "adversary", "monitor"))


@dataclass(frozen=True)
class Method:
    """What is allowed of one method.

    Attributes:
        roles: whose certificates open it under TLS. In plain text nobody has a certificate, and anyone may call.
        calls: most calls at once; each holds a thread.
    """

    roles: frozenset[str]
    calls: int


METHODS: Mapping[str, Method] = {
    "/keyhole.v1.Inference/Describe": Method(EDGE, 16),
    "/keyhole.v1.Inference/Infer": Method(EDGE, 64),
    "/keyhole.v1.Inference/InferStream": Method(EDGE, 16),
    "/keyhole.v1.Tap/Subscribe": Method(ADVERSARY, 8),
    "/keyhole.v1.Oracle/Query": Method(ADVERSARY, 16),
    f"/{REFEREE}/Witness": Method(EDGE, 32),
    f"/{REFEREE}/Conclude": Method(EDGE, 32),
    f"/{REFEREE}/Settle": Method(EDGE, 8),
    f"/{REFEREE}/Submit": Method(ADVERSARY, 32),
    f"/{REFEREE}/Attend": Method(MONITOR, 4),
    f"/{REFEREE}/Watch": Method(EDGE | MONITOR, 8),
    "/grpc.health.v1.Health/Check": Method(ANYONE, 32),
    "/grpc.health.v1.Health/Watch": Method(ANYONE, 8),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Method(ANYONE, 4),
}
"""By full name. A method that is not listed is not served."""
