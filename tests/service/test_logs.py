from __future__ import annotations

import json
import logging

import pytest

from keyhole.service.logs import AbsenceLog, LogFormat, configure


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


def test_an_absence_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    absence = AbsenceLog(logging.getLogger("keyhole.test"), "gone", "here")
    with caplog.at_level(logging.INFO, "keyhole.test"):
        for away in (False, True, True, False, False):
            absence.note(away=away, reason="closed" if away else None)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "gone"),
        ("INFO", "here"),
    ]
    assert vars(caplog.records[0])["reason"] == "closed"
