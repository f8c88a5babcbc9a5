"""The database of a run: its tables, opening it, and commits of many writes at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Engine,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateColumn

from keyhole.service.errors import UsageError

FILE = "run.sqlite"
Job = TypeVar("Job")


class RunTables(DeclarativeBase):
    """Holds the tables' metadata."""


class FrameRow(RunTables):
    """A frame of an edge: its truth's particulars and what became of it.

    ``frame_id`` may come again when an edge starts again; the newest row of that name is the one that is meant.
    """

    __tablename__ = "frames"

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[str] = mapped_column(String(128), index=True)
    captured_at: Mapped[float | None]  # Unix time, seconds; none: the truth never came
    label: Mapped[str] = mapped_column(default="")
    edge: Mapped[str] = mapped_column(default="")
    target: Mapped[str] = mapped_column(default="")
    cut: Mapped[str] = mapped_column(default="")
    codec: Mapped[str] = mapped_column(default="")
    defence: Mapped[str] = mapped_column(default="")
    link: Mapped[str] = mapped_column(default="")
    cloud: Mapped[str] = mapped_column(default="")
    tls: Mapped[bool] = mapped_column(default=False)
    slowdown: Mapped[float] = mapped_column(default=0.0, server_default="0")
    concluded_at: Mapped[float | None]  # none: still on its way
    dropped: Mapped[str] = mapped_column(default="")  # reason; empty: answered, once concluded
    prediction: Mapped[str] = mapped_column(default="")
    payload_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    stages: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)  # seconds by stage


class ScoreRow(RunTables):
    """A scored reconstruction, intermediate ones included. Of a frame, attack and rung the last row counts."""

    __tablename__ = "scores"
    __table_args__ = (Index("scores_by_frame_and_attack", "frame", "attack"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    frame_id: Mapped[str] = mapped_column(String(128))
    target: Mapped[str]
    cut: Mapped[str]
    defence: Mapped[str]
    codec: Mapped[str]
    attack: Mapped[str] = mapped_column(String(64))
    recipe: Mapped[str] = mapped_column(String(32), default="", server_default="")
    rung: Mapped[str] = mapped_column(String(32), default="", server_default="")  # of a ladder; empty: it is none
    knowledge: Mapped[str]
    tap: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    iteration: Mapped[int] = mapped_column(BigInteger)  # optimiser or training steps spent
    seconds: Mapped[float]  # spent on this frame
    final: Mapped[bool]
    at: Mapped[float]  # Unix time of the verdict, seconds
    psnr: Mapped[float]  # dB, peak 1
    ssim: Mapped[float]
    metrics: Mapped[dict[str, float] | None] = mapped_column(JSON)  # values by name of the metrics beside these two
    queries: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # asked for the network behind it
    trained_before: Mapped[bool] = mapped_column(default=False, server_default="0")  # than the attack began


class SecretsRow(RunTables):
    """The secrets of a frame's truth, where they are known."""

    __tablename__ = "secrets"

    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    message: Mapped[bytes] = mapped_column(LargeBinary)  # keyhole.v1.Secrets


class DetectionsRow(RunTables):
    """The boxes that the cloud answered a frame with, where it did; runs of earlier versions have none."""

    __tablename__ = "detections"

    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    message: Mapped[bytes] = mapped_column(LargeBinary)  # keyhole.v1.Outcome with its detections alone


class RecoveryRow(RunTables):
    """What the judge read from a scored reconstruction."""

    __tablename__ = "recoveries"

    score: Mapped[int] = mapped_column(ForeignKey("scores.id"), primary_key=True)
    plate: Mapped[list[str] | None] = mapped_column(JSON)  # written, read
    attributes: Mapped[dict[str, list[str]]] = mapped_column(JSON)  # true, read
    identified: Mapped[bool | None]
    gallery: Mapped[int]  # vehicles


class ScaleRow(RunTables):
    """The thumbnail scale of a frame's truth."""

    __tablename__ = "scales"

    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    scale: Mapped[dict[str, Any]] = mapped_column(JSON)  # of `keyhole.metrics.thumbnails.ThumbnailScale`


class ClassPictureRow(RunTables):
    """A final picture that an adversary made of a class, and what judges say of it."""

    __tablename__ = "class_pictures"

    model_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    attack: Mapped[str] = mapped_column(String(64), primary_key=True)
    label: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message: Mapped[bytes] = mapped_column(LargeBinary)  # keyhole.v1.ClassPicture
    verdicts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))  # none: nobody was asked
    at: Mapped[float]  # Unix time, seconds


class FactRow(RunTables):
    """What holds for a whole run, by name."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSON)


class AccountRow(RunTables):
    """What an edge counted in one life, by its newest account."""

    __tablename__ = "accounts"

    edge: Mapped[str] = mapped_column(String(128), primary_key=True)
    started_at: Mapped[float] = mapped_column(primary_key=True)  # Unix time, seconds
    taken: Mapped[int] = mapped_column(BigInteger)
    answered: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)  # by reason
    undelivered: Mapped[int] = mapped_column(BigInteger)  # messages


class UnmatchedRow(RunTables):
    """A reconstruction that came before its truth; it leaves when it has a score."""

    __tablename__ = "unmatched"

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[str] = mapped_column(String(128), index=True)
    attack: Mapped[str] = mapped_column(String(64))
    rung: Mapped[str] = mapped_column(String(32), default="", server_default="")
    reason: Mapped[str] = mapped_column(String(32), default="", server_default="no truth")  # why it has no score
    at: Mapped[float]


def open_database(run: Path, url: str | None = None) -> Engine:
    """Connect to a run's database and make the tables that are missing.

    Args:
        run: the run's folder; without ``url`` the database is ``run.sqlite`` in it, in WAL mode.
        url: SQLAlchemy URL of a server database that holds this run alone.

    Raises:
        UsageError: the database cannot be opened, or the URL is none.
    """
    place = _read_url(url) if url else URL.create("sqlite", database=str(run / FILE))
    try:
        engine = create_engine(place, json_serializer=partial(json.dumps, sort_keys=True))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _tune_sqlite)
        RunTables.metadata.create_all(engine)
        _add_columns(engine)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        raise UsageError(f"cannot open the run's database at {place}: {error}") from error
    return engine


def _read_url(url: str) -> URL:
    try:
        return make_url(url)
    except (SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        raise UsageError(
            "cannot open the run's database: --database is no URL of SQLAlchemy's; expected one such as "
            "postgresql+psycopg://user:password@host:5432/database"
        ) from error


def _add_columns(engine: Engine) -> None:
    """Give the tables of an older run the columns that it lacks."""
    with engine.begin() as connection:
        for table in RunTables.metadata.sorted_tables:
            there = {column["name"] for column in inspect(connection).get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    definition = CreateColumn(column).compile(dialect=engine.dialect)
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@dataclass
class _Asked(Generic[Job]):
    job: Job
    done: bool = False
    failure: BaseException | None = None


class GroupCommit(Generic[Job]):
    """Hands jobs to ``work`` in the order they came; those that come while it is at work go together next.

    Whoever asks does the work, for all who wait. Where ``work`` fails for several jobs it is asked again for each by
    itself, so that a bad one costs itself alone.

    Args:
        work: does all of the jobs or none; called by one thread at a time.
    """

    def __init__(self, work: Callable[[Sequence[Job]], None]) -> None:
        self._work = work
        self._waiting: list[_Asked[Job]] = []
        self._guard = threading.Lock()
        self._turn = threading.Lock()

    @property
    def depth(self) -> int:
        """Jobs waiting."""
        return len(self._waiting)

    def __call__(self, job: Job) -> None:
        """Return when the job is done; raises what ``work`` failed with."""
        asked = _Asked(job)
        with self._guard:
            self._waiting.append(asked)
        with self._turn:
            if not asked.done:
                self._do()
        if asked.failure is not None:
            raise asked.failure

    def _do(self) -> None:
        with self._guard:
            together, self._waiting = self._waiting, []
        try:
            self._try(together)
            if len(together) > 1 and together[0].failure is not None:
                for one in together:
                    self._try([one])
        finally:
            for one in together:
                one.done = True

    def _try(self, together: Sequence[_Asked[Job]]) -> None:
        failure: BaseException | None = None
        try:
            self._work([one.job for one in together])
        except Exception as error:
            failure = error
        except BaseException as error:
            failure = error
            raise
        finally:
            for one in together:
                one.failure = failure
