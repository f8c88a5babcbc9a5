"""The command ``keyhole health``: whether a process is well, as an exit code for container health checks."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.terminal import terminal
from keyhole.wire.channel import wait_ready


@dataclass(frozen=True)
class HealthSettings:
    """Ask a process whether it is well: exit code 0 if it is, 1 if not."""

    address: Positional[str]
    """HOST:PORT of a gRPC server, or http://HOST:PORT/metrics of a process that serves none."""
    timeout: float = 5.0
    """Seconds to wait for it."""
    tls: Path | None = None
    """Directory of certificates, where the server speaks TLS."""
    role: str | None = None
    """Whose certificate to show."""


def health(settings: HealthSettings) -> int:
    """Check once; the exit code."""
    try:
        if settings.address.startswith("http://"):
            with urllib.request.urlopen(settings.address, timeout=settings.timeout):
                return 0
        wait_ready(settings.address, settings.timeout, tls=settings.tls, role=settings.role)
    except OSError as error:
        terminal(stderr=True).print(f"{settings.address}: {error}", soft_wrap=True)
        return 1
    return 0
