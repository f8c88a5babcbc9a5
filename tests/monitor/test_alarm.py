"""The alarm, its threshold, and who sets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyhole.judge.loading import find_judge
from keyhole.judge.thresholds import read_legibility
from keyhole.metrics.thumbnails import Thumbnail
from keyhole.v1.referee_pb2 import Secrets
from monitor.alarm import Alarm, SecretsWatch
from monitor.alarm_threshold import UNJUDGED, AlarmThreshold, chosen_threshold, judged_threshold
from monitor.leak_meter import WINDOW, LeakMeter
from monitor.leaks import AttackLeak
from monitor.live_state import LiveState
from monitor.referee import Referee
from monitor.settings import MonitorSettings
from tests.monitor.making import blind, guess, measured, truth


def leak(side: float, ssim: float = 0.5) -> AttackLeak:
    return AttackLeak(Thumbnail(side, None, 128), ssim, 3)


def test_it_is_raised_by_what_an_attack_leaks_on_average_and_clears_when_that_sinks() -> None:
    meter = LeakMeter()
    live, alarm = LiveState(meter=meter), Alarm(AlarmThreshold(4.0, "a test"))
    referee = Referee([meter, live])

    def attacked(number: int, noise: float) -> list[str]:
        frame = f"edge-0-{number}"
        referee.witness(truth(frame, scene=number))
        referee.submit(blind(frame))
        referee.submit(guess(frame, noise=noise, scene=number, final=True))
        measured(meter)
        return alarm.raised_by(live.snapshot())

    assert alarm.raised_by(live.snapshot()) == []
    assert attacked(0, 0.02) == ["pixels-white"]
    raised = [attacked(1 + number, 2.0) for number in range(WINDOW + 1)]
    assert raised[-1] == []


def test_a_picture_under_way_raises_none() -> None:
    meter = LeakMeter()
    live = LiveState(meter=meter)
    referee = Referee([meter, live])
    referee.witness(truth())
    referee.submit(blind())
    referee.submit(guess(noise=0.01))
    measured(meter)
    assert Alarm(AlarmThreshold(1.0, "a test")).raised_by(live.snapshot()) == []


def test_nothing_never_reaches_a_threshold_in_pixels() -> None:
    threshold = AlarmThreshold(0.0, "a test")
    assert not threshold.reached(leak(0.0))
    assert threshold.reached(leak(0.5))
    assert AlarmThreshold(0.4, "a test", "SSIM").reached(leak(0.0, ssim=0.4))


def test_flags_go_before_the_judge_and_pixels_before_ssim() -> None:
    assert chosen_threshold(MonitorSettings()) is None
    by_ssim = chosen_threshold(MonitorSettings(alarm_ssim=0.3))
    assert by_ssim == AlarmThreshold(0.3, "set by --alarm-ssim", "SSIM", chosen=True)
    both = chosen_threshold(MonitorSettings(alarm_ssim=0.3, alarm_thumbnail=12))
    assert both == AlarmThreshold(12, "set by --alarm-thumbnail", "px", chosen=True)


def test_by_itself_it_is_the_smallest_thumbnail_that_the_shipped_judge_reads() -> None:
    measured_once = read_legibility()
    assert measured_once is not None
    found = judged_threshold(None, find_judge())
    assert found.value == measured_once.legibility.threshold
    assert found.unit == "px"
    assert "better than by guessing" in found.origin


def test_without_a_judge_or_its_measurement_it_is_eight_pixels_and_says_why(tmp_path: Path) -> None:
    assert judged_threshold(None, None) == AlarmThreshold(UNJUDGED, "there is no judge")
    unmeasured = judged_threshold(tmp_path, find_judge())
    assert unmeasured.value == UNJUDGED == 8
    assert "keyhole legibility" in unmeasured.origin


@pytest.mark.parametrize(("secrets", "value"), [(Secrets(identity="7"), 3.0), (None, UNJUDGED)])
def test_pictures_whose_secrets_nobody_knows_have_no_judges_threshold(secrets: Secrets | None, value: float) -> None:
    alarm, stored = Alarm(AlarmThreshold(3.0, "the judge")), list[AlarmThreshold]()
    watch = SecretsWatch(alarm, stored.append)
    watch.witnessed(truth(secrets=secrets) if secrets else truth())
    watch.witnessed(truth("edge-0-2"))
    assert alarm.threshold.value == value
    assert [one.value for one in stored] == ([] if secrets else [UNJUDGED])


def test_a_threshold_that_somebody_set_stays() -> None:
    alarm = Alarm(AlarmThreshold(3.0, "the judge"))
    alarm.move(5.0)
    assert alarm.unjudge("no secrets") == AlarmThreshold(5.0, "set on this page", chosen=True)
