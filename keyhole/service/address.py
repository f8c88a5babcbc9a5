"""Network addresses written ``host:port``."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keyhole.service.errors import AddressError, UsageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """A TCP address.

    Attributes:
        host: name or IP address; IPv6 without brackets.
        port: 0 to 65535; 0 lets the system choose when listening.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``host:port`` or ``[ipv6]:port``.

        Raises:
            UsageError: the text is not of that form or the port is out of range.

        >>> Address.parse("[::1]:50051")
        Address(host='::1', port=50051)
        """
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if bracketed else host
        if not colon or not host or (":" in host and not bracketed):
            raise UsageError(f"address {text!r}: expected HOST:PORT, for example 127.0.0.1:50051 or [::1]:50051")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise UsageError(f"address {text!r}: expected a port from 0 to 65535 after the colon, got {port!r}")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def with_port(self, port: int) -> Address:
        """This host with another port, as after binding to port 0."""
        return Address(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listening(place: Address, flag: str) -> socket.socket:
    """A socket that listens on the address.

    Args:
        place: where; port 0 takes a free one.
        flag: that named it, for the message.

    Raises:
        AddressError: the system lets nobody listen there, or somebody does.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        raise AddressError(f"cannot listen on {place}: {error}; choose another {flag} address") from error


def publish(file: Path | None, places: Mapping[str, Address]) -> None:
    """Write where a process listens as JSON, ``{"listen": "127.0.0.1:43127"}``; a reader sees all of it or nothing.

    Args:
        file: where to; None: nobody asked.
        places: by the name of the flag that asked for each.
    """
    if file is not None:
        partial = file.with_name(f"{file.name}.part")
        partial.write_text(json.dumps({name: str(place) for name, place in places.items()}) + "\n")
        os.replace(partial, file)


def announce(file: Path | None, listen: Address, metrics: Address, **facts: object) -> None:
    """`publish` where a server listens, and log it with the facts that tell one server from another."""
    publish(file, {"listen": listen, "metrics": metrics})
    _log.info("listening", extra={"address": str(listen), "metrics": metrics, **facts})


def published(file: Path) -> Mapping[str, str] | None:
    """What `publish` wrote; None as long as it has not."""
    try:
        places: Mapping[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return places
