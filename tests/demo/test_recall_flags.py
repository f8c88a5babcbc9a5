"""`--recall` of demo and live, as adversary and monitor get it."""

from __future__ import annotations

from pathlib import Path

from keyhole.cli import parsed
from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.demo.system import System
from keyhole.service.launcher import Launcher


def system(settings: DemoSettings | LiveSettings, tmp_path: Path) -> System:
    return System(settings, 0, Launcher(tmp_path / "logs"))


def test_the_adversary_is_told_what_to_picture_and_the_monitor_who_judges(tmp_path: Path) -> None:
    asked = LiveSettings(
        target=str(tmp_path),
        recall=("0-9", "12"),
        recall_attack="guided",
        recall_public_n=99,
        recall_generators=(Path("one"), Path("two")),
        recall_evaluator="other",
        recall_private="streetcam",
        out=tmp_path / "out",
    )
    made = system(asked, tmp_path)
    adversary = parsed("adversary", made.arguments("adversary"), {})
    assert (adversary.recall, adversary.recall_attack, adversary.recall_public_n) == (("0-9", "12"), "guided", 99)
    assert adversary.recall_generators == (Path("one"), Path("two"))
    assert adversary.recall_out == tmp_path / "out" / "recall"
    monitor = parsed("monitor", made.arguments("monitor"), {})
    assert (monitor.recall_evaluator, monitor.recall_private) == ("other", "streetcam")
    assert monitor.recall_pictures == tmp_path, "what the target's training drew is not drawn again"


def test_the_adversary_is_told_nothing_of_who_judges(tmp_path: Path) -> None:
    asked = DemoSettings(recall=("0",), recall_evaluator="other", recall_private="secret", recall_judge="judge.npz")
    told = " ".join(system(asked, tmp_path).arguments("adversary"))
    assert not any(word in told for word in ("other", "secret", "judge"))


def test_without_the_flag_nobody_pictures_anything(tmp_path: Path) -> None:
    made = system(DemoSettings(), tmp_path)
    assert not any("recall" in word for name in ("adversary", "monitor") for word in made.arguments(name))
    assert parsed("adversary", made.arguments("adversary"), {}).recall == ()
