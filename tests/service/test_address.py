from __future__ import annotations

import socket

import pytest

from keyhole.service.address import Address, free_port
from keyhole.service.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:50051", "127.0.0.1", 50051), ("cloud:0", "cloud", 0), ("[::1]:65535", "::1", 65535)],
)
def test_addresses_are_read_and_written(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "cloud", "50051", ":50051", "::1:50051", "[]:1", "cloud:", "[::1]"])
def test_other_forms_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected (HOST:PORT|a port)"):
        Address.parse(text)


@pytest.mark.parametrize("port", ["65536", "-1", "http", "1.5", "١", ""])
def test_ports_must_be_ports(port: str) -> None:
    with pytest.raises(UsageError, match="expected a port from 0 to 65535"):
        Address.parse(f"cloud:{port}")


def test_with_port() -> None:
    assert Address("cloud", 0).with_port(7) == Address("cloud", 7)


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
