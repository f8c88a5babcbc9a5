"""Who dies is missed, told of with last words, and started again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from keyhole.demo.supervisor import Supervisor
from keyhole.demo.system import System
from keyhole.service.launcher import ProcessError
from keyhole.wire.channels import Backoff, connect
from tests.system.referee import Notebook, notebook

PARTIES = ("monitor", "cloud", "oracle", "adversary", "edge")


@dataclass
class Stage:
    """A system and its launcher whose processes live and die as the test says."""

    codes: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(PARTIES))
    listening: dict[str, dict[str, str]] = field(default_factory=dict)
    launched: list[str] = field(default_factory=list)
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    now: float = 0.0

    @property
    def launcher(self) -> Stage:
        return self

    @property
    def running(self) -> dict[str, int | None]:
        return self.codes

    def code(self, name: str) -> int | None:
        return self.codes[name]

    def addresses(self, name: str) -> dict[str, str] | None:
        return self.listening.get(name)

    def exit_report(self, name: str) -> str:
        return f"{name} was killed by SIGKILL:\n" + "\n".join(f"line {number} {'x' * 200}" for number in range(20))

    def launch(self, name: str) -> None:
        self.launched.append(name)
        self.listening.pop(name, None)
        self.codes[name] = None

    def dies(self, name: str, code: int = -9) -> None:
        self.codes[name] = code

    def listens(self, name: str) -> None:
        self.listening[name] = {"listen": "127.0.0.1:1"}


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def book():
    with notebook() as opened:
        yield opened


@pytest.fixture
def supervisor(stage: Stage, book: Notebook):
    said: list[str] = []
    with connect(book.address) as channel:
        made = Supervisor(
            cast("System", stage), PARTIES, channel, said.append, Backoff(first=2.0, most=8.0), lambda: stage.now
        )
        yield Said(made, said)


@dataclass
class Said:
    supervisor: Supervisor
    said: list[str]

    def poll(self, *_: Any) -> None:
        self.supervisor.poll()


def test_while_all_live_nothing_is_told(supervisor: Said, book: Notebook) -> None:
    supervisor.poll()
    assert not book.attended
    assert not supervisor.said


def test_who_dies_is_missed_started_again_in_a_while_and_welcomed(
    supervisor: Said, stage: Stage, book: Notebook
) -> None:
    stage.dies("adversary")
    supervisor.poll()
    (missed,) = book.attended
    assert (missed.party, missed.running) == ("adversary", False)
    assert missed.last_words[0] == "adversary was killed by SIGKILL:"
    assert missed.last_words[-1].startswith("line 19 ")
    assert len(missed.last_words) <= 32
    assert all(len(line) <= 128 for line in missed.last_words)
    assert "adversary was killed by SIGKILL" in supervisor.said[0]
    supervisor.poll()
    assert not stage.launched
    stage.now = 3.0
    supervisor.poll()
    assert stage.launched == ["adversary"]
    assert len(book.attended) == 1, "it does not listen yet"
    stage.listens("adversary")
    supervisor.poll()
    assert [(one.party, one.running) for one in book.attended[1:]] == [("adversary", True)]
    assert stage.places["adversary"] == {"listen": "127.0.0.1:1"}
    assert supervisor.supervisor.deaths == ["adversary"]


def test_who_dies_again_at_once_waits_longer_and_who_lived_long_does_not(supervisor: Said, stage: Stage) -> None:
    pauses = []
    for lived in (0, 0, 0, 0, 1000):
        stage.now += lived
        stage.dies("cloud")
        supervisor.poll()
        died, before = stage.now, len(stage.launched)
        while len(stage.launched) == before:
            stage.now += 0.25
            supervisor.poll()
        pauses.append(stage.now - died)
        stage.listens("cloud")
        supervisor.poll()
    assert [1 <= pauses[0] <= 2.25, 2 <= pauses[1] <= 4.25, 4 <= pauses[3] <= 8.25, pauses[4] <= 2.25] == [True] * 4


def test_who_ends_by_himself_is_missed_and_left_alone(supervisor: Said, stage: Stage, book: Notebook) -> None:
    stage.dies("oracle", code=0)
    for stage.now in (0.0, 100.0):
        supervisor.poll()
    assert [(one.party, one.running) for one in book.attended] == [("oracle", False)]
    assert not stage.launched
    assert not supervisor.supervisor.deaths


def test_a_wrong_argument_ends_the_run_at_the_first_death_alone(supervisor: Said, stage: Stage) -> None:
    stage.dies("cloud")
    supervisor.poll()
    stage.now = 10.0
    supervisor.poll()
    stage.dies("cloud", code=2)  # its port is taken, say
    supervisor.poll()
    stage.dies("adversary", code=2)
    with pytest.raises(ProcessError, match="adversary"):
        supervisor.poll()


def test_who_is_not_revived_ends_the_run(stage: Stage, book: Notebook) -> None:
    with connect(book.address) as channel:
        supervisor = Supervisor(cast("System", stage), ("cloud",), channel, print)
        stage.dies("edge")
        with pytest.raises(ProcessError, match="edge was killed"):
            supervisor.poll()


def test_a_monitor_that_was_away_is_told_who_is_still_missing(supervisor: Said, stage: Stage, book: Notebook) -> None:
    stage.dies("edge", code=0)
    book.deaf = True
    supervisor.poll()
    assert not book.attended
    book.deaf = False
    supervisor.poll()
    assert [one.party for one in book.attended] == ["edge"]
    stage.dies("monitor")
    supervisor.poll()
    stage.now = 3.0
    supervisor.poll()
    stage.listens("monitor")
    supervisor.poll()
    assert [one.party for one in book.attended] == ["edge", "edge"]
