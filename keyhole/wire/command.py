"""The command ``keyhole certs``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.terminal import terminal
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
