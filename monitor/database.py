"""The database of a run."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from keyhole.service.errors import UsageError
from monitor.tables import Base

FILE = "run.sqlite"


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
        Base.metadata.create_all(engine)
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
        for table in Base.metadata.sorted_tables:
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
