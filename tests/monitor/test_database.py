"""The database of a run: kills, readers, other databases and runs of earlier versions."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from keyhole.service.errors import UsageError
from monitor.database import open_database
from monitor.history import read_history
from monitor.referee import Referee
from monitor.scoring import scoring_metrics
from monitor.store import RunStore
from monitor.summary import summarise
from tests.monitor.making import guess, rows, truth

ROOT = Path(__file__).parents[2]
OLD_RUN = Path(__file__).with_name("old_run.sql")


WRITER = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import insert, update
from sqlalchemy.orm import Session
from keyhole.wire.errors import WireError
from monitor.live_state import LiveState
from monitor.database import open_database
from monitor.database import UnmatchedRow

engine = open_database(Path(sys.argv[1]))
row = {"frame_id": "x" * 2000, "attack": "pixels-white", "reason": "committed", "at": 0.0}
with Session(engine) as session, session.begin():
    session.execute(insert(UnmatchedRow), [row] * 2000)
with Session(engine) as session, session.begin():
    session.connection().exec_driver_sql("PRAGMA cache_size = 10")
    session.execute(update(UnmatchedRow).values(reason="not committed"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_in_the_midst_of_a_write_leaves_what_was_committed_and_no_more(tmp_path: Path) -> None:
    """Without a journal the pages of a large transaction are in the file before it is committed."""
    killed = subprocess.run([sys.executable, "-c", WRITER, tmp_path], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert rows(tmp_path, "pragma integrity_check") == [("ok",)]
    assert rows(tmp_path, "select reason, count(*) from unmatched group by reason") == [("committed", 2000)]


def test_a_report_that_is_being_read_does_not_hold_up_the_writing(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5)
    store.witnessed(truth())
    with closing(sqlite3.connect(tmp_path / "run.sqlite", isolation_level=None)) as reader:
        reader.execute("begin")
        assert reader.execute("select count(*) from frames").fetchone() == (1,)
        store.witnessed(truth("edge-0-000002"))
        assert reader.execute("select count(*) from frames").fetchone() == (1,)
        reader.execute("commit")
        assert reader.execute("select count(*) from frames").fetchone() == (2,)
    store.close()


def test_another_database_can_take_the_files_place(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=5, url=f"sqlite:///{tmp_path / 'elsewhere.db'}")
    store.witnessed(truth())
    store.close()
    assert not (tmp_path / "run.sqlite").exists()
    with sqlite3.connect(tmp_path / "elsewhere.db") as database:
        assert database.execute("select count(*) from frames").fetchone() == (1,)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "postgresql://me:sesame@host:port/run",
        "nosuchserver://me:sesame@host/run",
        "sqlite:////no/such/folder/run.sqlite",
    ],
)
def test_a_database_that_cannot_be_opened_is_a_mistake_of_the_user(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="cannot open the run's database") as refused:
        open_database(tmp_path, url)
    assert "sesame" not in str(refused.value)


def test_a_file_that_is_no_database_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(UsageError, match=r"run\.sqlite"):
        RunStore(tmp_path, keep=5)


def test_a_run_of_before_is_read_and_gone_on_with_by_further_metrics(tmp_path: Path) -> None:
    """Its table of scores has columns for PSNR and SSIM alone, which hold no null."""
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.executescript(OLD_RUN.read_text())
    earlier = read_history(tmp_path)
    assert earlier.found == {}
    (old,) = earlier.scores
    assert dict(old.values) == {"psnr": 21.5, "ssim": 0.625}

    store = RunStore(tmp_path, keep=10)
    referee = Referee([store], metrics=scoring_metrics(["l2"]))
    referee.witness(truth("edge-0-1"))
    referee.submit(guess("edge-0-1", final=True))
    store.close()
    before, after = read_history(tmp_path).scores
    assert dict(before.values) == {"psnr": 21.5, "ssim": 0.625}
    assert list(after.values) == ["psnr", "ssim", "l2"]
    assert after.values["l2"] == pytest.approx(10 ** (-after.values["psnr"] / 10), rel=1e-4)
    means = summarise(read_history(tmp_path)).attacks["pixels-white"].scores
    assert means["psnr"].mean == pytest.approx((21.5 + after.values["psnr"]) / 2)
    assert means["l2"].mean == after.values["l2"]
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        assert database.execute("select count(*) from scores where psnr > 0 and ssim > 0").fetchone() == (2,)
