"""Settings that every serving process has, and the forecast of what it would do with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ServiceSettings:
    """Base of the settings of each process."""

    metrics: str = "127.0.0.1:0"
    """Address of the Prometheus page /metrics; port 0 takes a free one, which the log names."""
    addresses: Path | None = None
    """File to write where this process listens to once it does, as JSON by flag: the way to learn what port 0 took."""
    tls: Path | None = None
    """Directory that `keyhole certs` made, or one role's folder in it: mutual TLS on every channel."""
    log: Literal["text", "json"] = "text"
    """Form of the log lines on standard error."""


@dataclass(frozen=True)
class Forecast:
    """What a command would do with its settings, all of which were looked up.

    Attributes:
        summary: in words.
        seconds: that it computes for one frame; 0: none waits for it.
    """

    summary: str
    seconds: float = 0.0
