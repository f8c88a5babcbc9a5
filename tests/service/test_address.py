from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from keyhole.service.address import Address, announce, publish, published
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


def test_where_a_process_listens_can_be_read_once_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "cloud.json"
    assert published(file) is None
    publish(file, {"listen": Address("127.0.0.1", 7), "metrics": Address("::1", 8)})
    assert published(file) == {"listen": "127.0.0.1:7", "metrics": "[::1]:8"} == json.loads(file.read_text())
    assert list(tmp_path.iterdir()) == [file], "nothing half written is left"


def test_a_server_says_where_it_listens_to_files_and_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "cloud.json"
    announce(file, Address("127.0.0.1", 7), Address("::1", 8), cut="layer2")
    assert published(file) == {"listen": "127.0.0.1:7", "metrics": "[::1]:8"}
    (record,) = caplog.records
    said = vars(record)
    assert (record.message, said["address"], str(said["metrics"]), said["cut"]) == (
        "listening",
        "127.0.0.1:7",
        "[::1]:8",
        "layer2",
    )
