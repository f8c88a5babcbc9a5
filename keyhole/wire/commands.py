"""The commands ``keyhole certs``, ``keyhole token`` and ``keyhole health``."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.service.secret import make_secret
from keyhole.terminal import terminal
from keyhole.wire.channels import wait_ready
from keyhole.wire.tls import ROLES, make_certificates


@dataclass(frozen=True)
class CertsSettings:
    """Make a local certificate authority and a certificate for each role, for mutual TLS.

    Give the directory to every process with --tls. In containers, give each process only its own role's folder.
    """

    directory: Positional[Path]
    """Where to write them; must not hold an authority yet."""


def certs(settings: CertsSettings) -> int:
    """Write the certificates; the exit code."""
    make_certificates(settings.directory)
    terminal().print(f"certificates of {', '.join(ROLES)} in {settings.directory}, valid for a year")
    return 0


@dataclass(frozen=True)
class TokenSettings:
    """Make a random secret for --tap-token or --page-token, in a file that its owner alone can read."""

    file: Positional[Path]
    """Where to write it; one that is there stays."""


def token(settings: TokenSettings) -> int:
    """Write the secret; the exit code.

    Raises:
        UsageError: what is there holds no secret.
    """
    made = make_secret(settings.file)
    terminal().print(f"{settings.file}: {'a new secret' if made else 'there already, and stays'}")
    return 0


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
