"""Pictures of classes: taken, kept, judged by networks that were not attacked, counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import torch

from keyhole.judge.class_settings import ClassJudgeSettings
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.targets import load_target
from keyhole.v1.referee_pb2 import Account, ClassPicture, Roster
from keyhole.wire.errors import WireError, explain
from monitor.class_judging import NOBODY, ClassJudging
from monitor.class_wall import CLASSES, PRIVATE, ClassKey, ClassWall
from monitor.exported_metrics import MonitorMetrics
from monitor.live_state import LiveState
from monitor.referee import Referee
from monitor.report import REPORT, write_report
from monitor.store import RunStore
from tests.evaluation.tiny_inversion import MINE, write_pictures
from tests.monitor.making import png, truth
from tests.monitor.ports import Ports
from tests.monitor.recalled import HASH, liked, made, roster, shows


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> ClassJudgeSettings:
    """An evaluation classifier, and an embedder with private pictures."""
    private, _ = write_pictures(tmp_path_factory.mktemp("world"))
    return ClassJudgeSettings(f"{MINE}:evaluator", str(private), f"{MINE}:Where")


class Life:
    """A monitor's life without sockets: a run folder that another life may go on with."""

    def __init__(self, run: Path, judges: ClassJudgeSettings) -> None:
        self.store = RunStore(run, 10)
        self.wall = ClassWall(self.store.known_classes())
        self.referee = Referee([self.store, self.wall])
        self.judging = ClassJudging(self.wall, judges, self.store.set_verdicts)

    def judge(self) -> None:
        self.judging.judge_waiting(Stop())

    @property
    def verdicts(self) -> dict[int, list[tuple[str, str, int]]]:
        """By class: who took its picture for what, and the place of the class."""
        shown = self.wall.snapshot()
        assert shown
        return {
            label: [(one.judge, one.seen, one.rank) for one in entry.verdicts or ()]
            for label, entry in shown.made.items()
        }


def test_a_picture_of_the_class_is_recognised_and_one_of_another_is_not(tmp_path, judges) -> None:
    life = Life(tmp_path, judges)
    life.referee.announce(roster(0, 1))
    life.referee.recall(made(0))
    life.referee.recall(made(1, shows(2)))
    life.referee.recall(liked(0, shows(4)))
    life.judge()
    assert [seen for _, seen, _ in life.verdicts[0]] == ["person a", "person a"]
    assert [rank for _, _, rank in life.verdicts[0]] == [1, 1]
    assert [seen for _, seen, _ in life.verdicts[1]] == ["person c", "person c"]
    assert all(rank > 1 for _, _, rank in life.verdicts[1])
    shown = life.wall.snapshot()
    assert shown
    for judge in shown.judges:
        assert shown.recognised(judge) == (1, 2)
        assert shown.recognised(judge, floor=True) == (0, 1)
        assert shown.among(judge) == 6


def test_a_class_that_the_judges_do_not_know_gets_no_verdict(tmp_path, judges) -> None:
    life = Life(tmp_path, judges)
    life.referee.recall(made(3, name="nobody"))
    life.judge()
    shown = life.wall.snapshot()
    assert shown
    assert shown.made[3].verdicts == ()


def test_without_a_judge_there_is_no_verdict_and_a_later_life_that_has_one_gives_it(tmp_path, judges) -> None:
    blind = Life(tmp_path, ClassJudgeSettings())
    blind.referee.recall(made(0))
    blind.judge()
    shown = blind.wall.snapshot()
    assert shown
    assert (shown.made[0].verdicts, shown.judges, shown.judging) == (None, (), NOBODY)
    later = Life(tmp_path, judges)
    later.judge()
    assert [rank for _, _, rank in later.verdicts[0]] == [1, 1]


def test_finished_pictures_and_verdicts_survive_and_a_repeated_one_changes_nothing(tmp_path, judges) -> None:
    first = Life(tmp_path, judges)
    first.referee.recall(made(1, shows(2), iteration=10, final=False))
    first.referee.recall(made(0))
    first.judge()
    second = Life(tmp_path, judges)
    again = made(0, shows(5))
    second.referee.recall(again)
    shown = second.wall.snapshot()
    assert shown
    assert set(shown.made) == {0}, "one that was not final is made again"
    assert second.verdicts[0] == first.verdicts[0] != []
    assert second.wall.waiting() == []
    assert shown.made[0].picture.picture.png != again.picture.png


def test_a_judge_that_cannot_be_opened_is_named_and_the_other_is_asked(tmp_path, judges) -> None:
    life = Life(tmp_path, ClassJudgeSettings(f"{MINE}:evaluator", str(tmp_path / "nowhere"), f"{MINE}:Where"))
    life.referee.recall(made(0))
    life.judge()
    shown = life.wall.snapshot()
    assert shown
    assert [rank for _, _, rank in life.verdicts[0]] == [1]
    assert "nowhere" in shown.judging


def test_the_classifier_under_attack_is_no_judge(tmp_path) -> None:
    """It is sure of all that is made for it."""
    itself = load_target(f"{MINE}:target")
    life = Life(tmp_path, ClassJudgeSettings(f"{MINE}:target"))
    life.referee.recall(made(0, model_hash=itself.hash))
    life.judge()
    shown = life.wall.snapshot()
    assert shown
    assert (shown.made[0].verdicts, shown.unjudged) == (None, True)
    assert "is the classifier under attack" in shown.judging


def test_a_judge_that_fails_is_asked_no_more_and_named(tmp_path, judges, caplog) -> None:
    life = Life(tmp_path, replace(judges, recall_evaluator=None, recall_judge="tests.monitor.test_class_wall:failing"))
    life.referee.recall(made(0))
    life.judge()
    life.judge()
    shown = life.wall.snapshot()
    assert shown
    assert (shown.judges, shown.unjudged) == ((), True)
    assert "seen nothing like it" in shown.judging
    assert caplog.text.count("is asked no more") == 1


def failing(_pictures: object) -> None:
    """A judge of a user's own."""
    raise RuntimeError("seen nothing like it")


def test_another_classifier_begins_another_wall(tmp_path) -> None:
    life = Life(tmp_path, ClassJudgeSettings())
    life.referee.recall(made(0))
    life.referee.announce(roster(0, 1, model_hash="ff"))
    shown = life.wall.snapshot()
    assert shown
    assert (shown.made, list(shown.names)) == ({}, [0, 1])
    life.referee.announce(Roster())
    shown = life.wall.snapshot()
    assert shown
    assert set(shown.made) == {0}, "what is known stays when the adversary is gone"


def test_there_is_no_wall_until_somebody_pictures_a_class() -> None:
    live, wall = LiveState(), ClassWall()
    assert live.snapshot().wall is wall.snapshot() is None


def test_the_page_gets_pictures_by_their_keys(tmp_path, judges) -> None:
    life = Life(tmp_path, judges)
    live = LiveState(wall=life.wall)
    life.referee.announce(roster(0))
    life.referee.recall(made(0))
    life.judge()
    assert live.picture(CLASSES, ClassKey(HASH, "latent", 0).word) == made(0).picture.png
    assert live.picture(CLASSES, "latent-0") is None
    private = live.picture(PRIVATE, "0")
    assert private
    assert private != made(0).picture.png
    assert live.picture(PRIVATE, "1") is live.picture(PRIVATE, "../0") is None


def test_prometheus_is_told_how_far_it_is_and_whom_the_pictures_show(tmp_path, judges) -> None:
    life, metrics = Life(tmp_path, judges), Metrics("monitor")
    exported = MonitorMetrics(metrics)
    exported.show_wall(life.wall.snapshot())
    life.referee.announce(roster(0, 1, 2))
    life.referee.recall(made(0))
    life.referee.recall(made(1, shows(2)))
    life.judge()
    exported.show_wall(life.wall.snapshot())

    def value(state: str, judge: str = "") -> float | None:
        labels = {"attack": "latent", "judge": judge, "state": state}
        return metrics.registry.get_sample_value("keyhole_recalled_classes", labels)

    assert [value("wanted"), value("finished")] == [3, 2]
    assert [value("judged", "evaluator"), value("recognised", "evaluator")] == [2, 1]


def test_the_report_shows_the_wall_and_the_breach_of_a_run_that_has_one(tmp_path, judges) -> None:
    life = Life(tmp_path, judges)
    life.referee.witness(truth())
    write_report(tmp_path)
    page = (tmp_path / REPORT).read_text()
    assert "What the classifier remembers" not in page
    assert "breached" not in page
    life.referee.recall(made(0))
    life.referee.recall(made(1, shows(2)))
    life.judge()
    write_report(tmp_path)
    page = (tmp_path / REPORT).read_text()
    assert "What the classifier remembers" in page
    assert "the service, breached" in page
    assert "Judge evaluator recognises 1 of 2 classes; guessing gets one in 6" in page
    assert "takes it for person c" in page


def test_an_adversary_is_told_nothing_and_the_calls_cross_a_socket(ports: Ports) -> None:
    with ports.stubs() as (edge, adversary):
        assert adversary.Recall(made(0)).SerializeToString() == b""
        assert edge.Recall(made(1)).SerializeToString() == b""
        with pytest.raises(grpc.RpcError) as refused:
            adversary.Settle(Account(edge="edge-0"))
    assert "Submit, Announce and Recall" in explain(refused.value)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda referee: referee.recall(made(0, attack="../latent")), "attack"),
        (lambda referee: referee.recall(made(0, recipe="Strong!")), "recipe"),
        (lambda referee: referee.recall(made(0, model_hash="")), "model_hash"),
        (lambda referee: referee.recall(made(0, model_hash="../x")), "model_hash"),
        (lambda referee: referee.recall(made(0, name="x" * 129)), "name"),
        (lambda referee: referee.recall(_numbered(10**7)), "label"),
        (lambda referee: referee.recall(_broken()), "picture"),
        (lambda referee: referee.announce(roster(0, state="bored")), "recall.state"),
        (lambda referee: referee.announce(roster(0, 0)), "recall.classes"),
        (lambda referee: referee.announce(roster(0, attack="../latent")), "recall.attack"),
        (lambda referee: referee.announce(roster(*[0] * 257)), "recall.classes"),
    ],
)
def test_what_could_not_be_kept_or_shown_is_refused(call: Callable[[Referee], object], field: str) -> None:
    wall = ClassWall()
    with pytest.raises(WireError, match=field):
        call(Referee([wall]))
    assert wall.snapshot() is None


def test_more_classes_than_a_run_holds_are_refused() -> None:
    referee = Referee([])
    for label in range(1024):
        referee.recall(_numbered(label))
    with pytest.raises(WireError, match="one more than the 1024"):
        referee.recall(_numbered(1024))


def _numbered(label: int) -> ClassPicture:
    picture = made(0, torch.zeros(3, 16, 16))
    picture.label = label
    return picture


def _broken() -> ClassPicture:
    picture = made(0)
    picture.picture.CopyFrom(png(picture.picture.png[:60]))
    return picture
