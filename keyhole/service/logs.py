"""Structured logs on standard error: readable ``key=value`` lines or one JSON object per line."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]
LEVEL_VARIABLE = "KEYHOLE_LOG_LEVEL"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What the caller passed in ``extra=``."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _quoted(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n') else text


class TextFormatter(logging.Formatter):
    """``12:00:01.250 INFO cloud: listening address=127.0.0.1:50051``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line, followed by the traceback where there is one."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        head = f"{time} {record.levelname} {self._process}: {record.getMessage()}"
        line = " ".join([head, *(f"{key}={_quoted(value)}" for key, value in _fields(record).items())])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One object per line: ``time`` (ISO 8601, UTC), ``level``, ``process``, ``logger``, ``message`` and the fields."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object; values that JSON cannot hold are written as text."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps({**_fields(record), **entry}, default=str, ensure_ascii=False)


_FORMATTERS: Mapping[str, type[TextFormatter] | type[JsonFormatter]] = {"text": TextFormatter, "json": JsonFormatter}


def configure(process: str, log_format: LogFormat = "text") -> None:
    """Send all logs to standard error in one form; the level is that of ``KEYHOLE_LOG_LEVEL`` (INFO when unset)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[log_format](process))
    logging.basicConfig(level=os.environ.get(LEVEL_VARIABLE, "INFO").upper(), handlers=[handler], force=True)


class AbsenceLog:
    """Whether somebody is away, logged only when that changes.

    Args:
        log: where to.
        away: logged as a warning when they go.
        back: logged when they are there again.
    """

    def __init__(self, log: logging.Logger, away: str, back: str) -> None:
        self._log, self._gone, self._returned = log, away, back
        self._away = False

    def note(self, *, away: bool, reason: str | None = None) -> None:
        """Note how it is now; the reason is logged with the warning."""
        if away == self._away:
            return
        self._away = away
        if away:
            self._log.warning(self._gone, extra=None if reason is None else {"reason": reason})
        else:
            self._log.info(self._returned)
