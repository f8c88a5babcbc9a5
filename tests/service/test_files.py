"""Folders that are Keyhole's own, and what else may be in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from keyhole.service import files as module
from keyhole.service.errors import UsageError
from keyhole.service.files import BENCHMARK, LOCK, MARK, RUN, TRAINING, FolderKind, alone, claim, clear, replacing

ROOT = Path(__file__).parents[2]
OURS = (
    *("run.sqlite", "run.sqlite-wal", "summary.json", "report.html", "contact-sheet.png", "logs/cloud.log"),
    *("logs/cloud.json", "pictures/edge-0-1/truth.png", "pictures/edge-0-1/pixels-white.part", "certs/ca.crt"),
    "certs/cloud/tls.key",
)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}(\.(txt|log|png|json|csv))?", fullmatch=True)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


@pytest.mark.parametrize("there", [False, True])
def test_a_new_or_empty_folder_is_taken_and_gone_on_with(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "runs" / "demo"
    if there:
        folder.mkdir(parents=True)
    claim(folder, RUN)
    write(folder, *OURS)
    claim(folder, RUN)
    assert files(folder) == {MARK, *OURS}


def test_all_that_a_run_wrote_is_cleared_with_its_folders(tmp_path: Path) -> None:
    claim(tmp_path, RUN)
    write(tmp_path, *OURS)
    clear(tmp_path, RUN)
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8))
def test_what_others_put_there_stays(tmp_path_factory: pytest.TempPathFactory, foreign: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("run")
    claim(folder, RUN)
    write(folder, *OURS)
    mine = {"/".join(["notes", *parts, "x.txt"]) for parts in foreign} | {"logs/notes.txt", "pictures/a.png", "a.log"}
    write(folder, *mine)
    clear(folder, RUN)
    assert files(folder) == {MARK, *mine}


@pytest.mark.parametrize("linked", ["pictures", "pictures/edge-0-1", "logs"])
def test_links_are_not_followed(tmp_path: Path, linked: str) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "run"
    write(elsewhere, "photo.png", "album/photo.png", "mail.log")
    claim(folder, RUN)
    (folder / linked).parent.mkdir(exist_ok=True)
    (folder / linked).symlink_to(elsewhere)
    clear(folder, RUN)
    assert files(elsewhere) == {"photo.png", "album/photo.png", "mail.log"}


@pytest.mark.parametrize("names", [["logs/mine.log"], ["thesis.tex", "logs/a.log", "report.html"], [MARK]])
def test_a_folder_without_the_mark_is_neither_cleared_nor_written_to(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, *names)
    for change in (clear, claim):
        with pytest.raises(UsageError, match="nothing in it is changed"):
            change(tmp_path, RUN)
    assert files(tmp_path) == set(names)
    assert all((tmp_path / name).read_text() == name for name in names)


def test_a_run_from_before_the_mark_is_gone_on_with_but_not_cleared(tmp_path: Path) -> None:
    write(tmp_path, "run.sqlite")
    with pytest.raises(UsageError, match="marked as its own"):
        clear(tmp_path, RUN)
    claim(tmp_path, RUN)
    assert files(tmp_path) == {"run.sqlite", MARK}


def test_a_folder_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text('{"kind": "training"}')
    for change in (clear, claim):
        with pytest.raises(UsageError, match="holds a training"):
            change(tmp_path, RUN)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "out", RUN)


def test_a_folder_of_something_else_is_not_held_and_gets_no_lock(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UsageError, match="no benchmark that Keyhole marked"), alone(tmp_path, BENCHMARK):
        pass
    assert files(tmp_path) == {"report.html"}


def test_one_command_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with alone(folder, RUN), pytest.raises(UsageError, match="another keyhole command"), alone(folder, RUN):
        pass
    with alone(folder, RUN):
        pass


def test_the_lock_of_a_killed_command_is_free_again(tmp_path: Path) -> None:
    program = "import sys, time; from pathlib import Path; from keyhole.service.files import RUN, alone\n"
    program += "with alone(Path(sys.argv[1]), RUN): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another"), alone(tmp_path, RUN):
            pass
        holder.kill()
        holder.wait()
    with alone(tmp_path, RUN):
        pass


def test_a_new_folder_that_nothing_was_written_to_goes_again(tmp_path: Path) -> None:
    for out, written, left in ((tmp_path / "a", False, False), (tmp_path / "b", True, True)):
        with pytest.raises(ZeroDivisionError), alone(out, TRAINING):  # noqa: PT012
            if written:
                (out / "kept").touch()
            raise ZeroDivisionError
        assert out.exists() == left
    (tmp_path / "mine").mkdir()
    with alone(tmp_path / "mine", TRAINING):
        pass
    assert (tmp_path / "mine").is_dir()


def test_who_comes_second_to_a_new_folder_leaves_it_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    first = FileLock(out / LOCK)

    def overtaken(place: Path, kind: FolderKind) -> None:
        claim(place, kind)
        first.acquire()

    monkeypatch.setattr(module, "claim", overtaken)
    with pytest.raises(UsageError, match="another keyhole command"), alone(out, TRAINING):
        pass
    assert {path.name for path in out.iterdir()} == {MARK, LOCK}
    first.release()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
        assert not path.exists()
    assert path.read_text() == "one"

    def break_off() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]
