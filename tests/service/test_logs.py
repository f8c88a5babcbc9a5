from __future__ import annotations

import json
import logging

import pytest

from keyhole.service.logs import LogFormat, configure


def emitted(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> list[str]:
    configure("cloud", log_format)
    log = logging.getLogger("keyhole.test")
    log.debug("unseen")
    log.info("listening", extra={"address": "127.0.0.1:1", "seconds": 0.123456789, "why": 'it "is" so'})
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        log.exception("failed")
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()


def test_text_is_one_readable_line(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *traceback = emitted("text", capsys)
    time, _, rest = first.partition(" ")
    assert time.count(":") == 2
    assert rest == r'INFO cloud: listening address=127.0.0.1:1 seconds=0.123457 why="it \"is\" so"'
    assert second.endswith("ERROR cloud: failed")
    assert traceback[0].startswith("Traceback")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = map(json.loads, emitted("json", capsys))
    assert first["time"].endswith("+00:00")
    del first["time"]
    assert first == {
        "level": "INFO",
        "process": "cloud",
        "logger": "keyhole.test",
        "message": "listening",
        "address": "127.0.0.1:1",
        "seconds": 0.123456789,
        "why": 'it "is" so',
    }
    assert "ValueError: bad" in second["traceback"]


def test_the_level_is_the_environments(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYHOLE_LOG_LEVEL", "debug")
    assert "DEBUG cloud: unseen" in emitted("text", capsys)[0]
