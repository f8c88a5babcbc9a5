"""What ran: an edge and where its frames went."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.v1 import referee_pb2


@dataclass(frozen=True)
class Deployment:
    """One edge's settings; the fields are those of the proto."""

    edge: str
    target: str
    cut: str
    codec: str
    defence: str
    link: str
    cloud: str
    tls: bool
    slowdown: float = 0.0

    @property
    def way(self) -> str:
        """What a frame's time is that of: the link, and how slow a device is emulated."""
        slow = f", an edge {self.slowdown:g} times slower" if self.slowdown > 1 else ""
        return f"link {self.link or 'none'}{slow}"

    @classmethod
    def read(cls, message: referee_pb2.Deployment) -> Deployment:
        """From the wire."""
        return cls(**{field: getattr(message, field) for field in DEPLOYMENT_FIELDS})


DEPLOYMENT_FIELDS = tuple(Deployment.__dataclass_fields__)
