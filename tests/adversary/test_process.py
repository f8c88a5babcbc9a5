"""The adversary's process among scripted servers, over real sockets."""

from __future__ import annotations

import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from PIL import Image

from adversary.process import StepRate, adversary
from adversary.settings import AdversarySettings
from keyhole.attacks.blind import BLIND
from keyhole.partition import partitioned
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import DRAIN_SECONDS, Stop
from keyhole.wire.channels import connect, wait_ready
from keyhole.wire.client import InferenceClient
from keyhole.wire.pictures import unpack_picture
from tests.adversary.servers import TOKEN, Cloud, Monitor, Oracle, Tapped, frame
from tests.attacks.tiny import pictures, white_box
from tests.system.tiny_target import SIZE
from tests.waiting import PATIENCE, wait_until

TARGET, CUT = "tests.system.tiny_target:tiny", "stem"


@pytest.fixture(scope="module")
def victim():
    """Target and head, as the edge has them."""
    return partitioned(AdversarySettings(target=TARGET, cut=CUT))


def seen(victim, name: str, seed: int = 0):
    target, partition = victim
    with torch.no_grad():
        features = partition.head(target.preprocess.normalise(pictures(1, seed, SIZE)))
    return frame(name, features, target=TARGET, cut=CUT, defence="none")


@pytest.fixture
def settings(quiet_address):
    addresses = {name: str(quiet_address()) for name in ("cloud", "oracle", "referee", "listen", "metrics")}
    return AdversarySettings(
        target=TARGET,
        cut=CUT,
        tap_token=TOKEN,
        attacks=("pixels-white", "pixels-black"),
        public="leaves",
        budget_seconds=1.5,
        interval=0.2,
        **addresses,
    )


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


@contextmanager
def running(settings: AdversarySettings):
    stop, errors = Stop(), []

    def work() -> None:
        try:
            adversary(settings, stop)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(DRAIN_SECONDS)
        assert not thread.is_alive(), "the adversary would have been ended by force"
        assert not errors


def page(settings: AdversarySettings) -> str:
    with urllib.request.urlopen(f"http://{settings.metrics}/metrics", timeout=PATIENCE) as answer:
        return answer.read().decode()


@contextmanager
def serving(*servers):
    try:
        yield
    finally:
        for server in servers:
            server.stop(0)


def blindly(cloud: Tapped, monitor: Monitor, victim) -> set[str]:
    """Rungs on which the blind attacker has shown a frame; a further one is published for it."""
    if not cloud.waiting.qsize():
        cloud.publish(seen(victim, f"shown-{len(monitor.blind)}"))
    time.sleep(0.1)
    return {one.rung for one in monitor.blind}


def test_both_attacks_on_frames_of_the_clouds_tap(settings, victim):
    cloud, monitor = Tapped(), Monitor()
    target, partition = victim
    oracle = Oracle(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    with (
        serving(
            cloud.serve(port(settings.cloud)),
            oracle.serve(port(settings.oracle)),
            monitor.serve(port(settings.referee)),
        ),
        running(settings),
    ):
        wait_until(lambda: cloud.subscribers)
        cloud.publish(frame("broken", torch.full((1, 2), float("nan"))), frame("odd", torch.ones(1, 2)))
        cloud.publish(seen(victim, "edge-0"))
        wait_until(lambda: {one.attack for one in monitor.got if one.final} == {"pixels-white", "pixels-black"})
        cloud.publish(seen(victim, "edge-1", seed=1))
        wait_until(lambda: len([one for one in monitor.got if one.final and one.frame_id == "edge-1"]) == 2)
        wait_until(lambda: 'keyhole_frames_total{outcome="reconstructed"} 4.0' in page(settings))
        text = page(settings)
        wait_until(lambda: blindly(cloud, monitor, victim) == set(BLIND.recipes))
        cloud.end()
    assert {(one.knowledge, one.final) for one in monitor.blind} == {("blind", True)}
    shown = {(one.rung, one.picture.png) for one in monitor.blind}
    assert len(shown) == 4, "one picture each, whatever the frame"
    first, last = monitor.rosters[0], monitor.rosters[-1]
    assert [(one.attack, one.ready, one.steps) for one in first.attacks] == [
        ("pixels-white", False, 0),
        ("pixels-black", False, 0),
    ]
    assert all(one.ready for one in last.attacks)
    assert [one.training for one in last.attacks] == [0, 1000]
    assert last.attacks[0].steps == 0 < last.attacks[1].steps
    white = [one for one in monitor.got if (one.attack, one.frame_id) == ("pixels-white", "edge-0")]
    assert len(white) >= 3
    assert [one.final for one in white] == [False] * (len(white) - 1) + [True]
    assert [one.iteration for one in white] == sorted(one.iteration for one in white)
    assert {(one.knowledge, one.tap) for one in white} == {("white box", "cloud")}
    assert unpack_picture(white[-1].picture, field="picture").shape == (3, SIZE, SIZE)
    assert {one.knowledge for one in monitor.got if one.attack == "pixels-black"} == {"black box"}
    assert not [one for one in monitor.got if one.frame_id in ("broken", "odd")]
    assert 'keyhole_dropped_total{reason="malformed"} 1.0' in text
    assert 'keyhole_dropped_total{reason="mismatch"} 2.0' in text
    assert 'keyhole_frames_total{outcome="tapped"} 3.0' in text
    for name in ("keyhole_attack_iterations_total", "keyhole_attack_iterations_per_second", "keyhole_queue_depth"):
        assert f'{name}{{attack="pixels-white",rung=""}}' in text or f'{name}{{queue="pixels-white"}}' in text


def test_consecutive_frames_of_one_edge_are_attacked_as_clips(settings, victim, tmp_path):
    cloud, monitor = Tapped(), Monitor()
    for video in range(4):
        (tmp_path / f"scene-{video}").mkdir()
        for number in range(4):
            picture = Image.new("RGB", (SIZE, SIZE), (60 * video, 50 * number, 90))
            picture.save(tmp_path / f"scene-{video}" / f"{number:05d}.png")
    words = "pixels-white/clip", "pixels-black/clip", "pixels-white"
    clipped = replace(settings, attacks=words, clip=2, public=f"clips:{tmp_path}", budget_seconds=1.0)
    target, partition = victim
    oracle = Oracle(replace(white_box(partition.head), normalise=target.preprocess.normalise))

    def together(attack: str) -> set[tuple[str, ...]]:
        return {tuple(one.clip) for one in monitor.got if one.final and one.attack == attack}

    with (
        serving(
            cloud.serve(port(settings.cloud)),
            oracle.serve(port(settings.oracle)),
            monitor.serve(port(settings.referee)),
        ),
        running(clipped),
    ):
        wait_until(lambda: cloud.subscribers)
        cloud.publish(*(seen(victim, f"edge-7a-00000{number}", number) for number in (0, 2, 3)))
        wait_until(lambda: all(together(name) for name in ("pixels-white-clip", "pixels-black-clip", "pixels-white")))
        text = page(clipped)
        cloud.end()
    clip = ("edge-7a-000002", "edge-7a-000003")
    assert together("pixels-white-clip") == together("pixels-black-clip") == {clip}
    assert together("pixels-white") == {()}
    assert {one.frame_id for one in monitor.got if one.attack == "pixels-white-clip"} == set(clip)
    assert 'keyhole_dropped_total{reason="gap"} 1.0' in text


def test_where_there_is_no_prior_the_blind_attacker_shows_no_sample_and_says_so(settings, victim, tmp_path, caplog):
    cloud, monitor = Tapped(), Monitor()
    poor = replace(settings, attacks=("pixels-white",), prior=str(tmp_path / "none"))
    with (
        caplog.at_level("INFO"),
        serving(cloud.serve(port(settings.cloud)), monitor.serve(port(settings.referee))),
        running(poor),
    ):
        wait_until(lambda: cloud.subscribers)
        wait_until(lambda: blindly(cloud, monitor, victim) == {"mean", "nearest", "flat"})
        cloud.end()
    assert "the blind attacker shows less" in caplog.text


def test_it_outlives_everything_it_talks_to(settings, victim):
    cloud, monitor = Tapped(), Monitor()
    target, partition = victim
    oracle = Oracle(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    quick = replace(settings, budget_seconds=0.5)
    with running(quick):  # nothing is there yet
        time.sleep(0.5)
        for round_ in ("first", "second"):
            before = cloud.subscribers
            cloud_server = cloud.serve(port(settings.cloud))
            rest = (oracle.serve(port(settings.oracle)), monitor.serve(port(settings.referee)))
            wait_until(lambda before=before: cloud.subscribers > before)

            def scored(name: str = round_) -> bool:
                if not cloud.waiting.qsize():
                    cloud.publish(seen(victim, name))
                return {"pixels-white", "pixels-black"} == {one.attack for one in monitor.got if one.frame_id == name}

            wait_until(scored)
            cloud.end()
            for server in (cloud_server, *rest):
                server.stop(0)
        with urllib.request.urlopen(f"http://{settings.metrics}/metrics", timeout=PATIENCE) as answer:
            assert answer.status == 200


def test_the_wire_tap_needs_no_token(settings, victim):
    cloud, monitor = Cloud(), Monitor()
    wired = replace(settings, tap="wire", tap_token=None, attacks=("pixels-white",))
    with serving(cloud.serve(port(settings.cloud)), monitor.serve(port(settings.referee))), running(wired):
        wait_ready(settings.listen, 60)
        with connect(settings.listen) as channel:
            answer = InferenceClient(channel).infer(seen(victim, "edge-0"), timeout=PATIENCE)
            assert answer.frame_id == "edge-0"
            wait_until(lambda: any(one.final for one in monitor.got))
    assert {(one.frame_id, one.tap) for one in monitor.got} == {("edge-0", "wire")}


def test_told_to_stop_it_hands_in_what_it_has(settings, victim):
    cloud, monitor = Tapped(), Monitor()
    slow = replace(settings, attacks=("pixels-white",), budget_seconds=600.0)
    with serving(cloud.serve(port(settings.cloud)), monitor.serve(port(settings.referee))):
        with running(slow):
            wait_until(lambda: cloud.subscribers)
            cloud.publish(seen(victim, "edge-0"))
            wait_until(lambda: monitor.got)
        cloud.end()
    assert monitor.got[-1].final


FOUR_NETWORKS = "pixels-black/strong", "pixels-black/paper", "decoder-black/strong", "decoder-black/one-step"


def test_told_to_stop_it_waits_for_no_network_that_waits_for_its_oracle(settings, victim):
    """However many attacks: workers hold frames for networks that have learned nothing, for want of an answer."""
    cloud, asked, answer = Tapped(), threading.Event(), threading.Event()

    class Mute(Oracle):
        def Query(self, request, context):  # noqa: N802
            asked.set()
            answer.wait(PATIENCE)
            return super().Query(request, context)

    target, partition = victim
    oracle = Mute(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    black = replace(settings, attacks=FOUR_NETWORKS, referee=None)
    with serving(cloud.serve(port(settings.cloud)), oracle.serve(port(settings.oracle))):
        with running(black):
            wait_until(lambda: cloud.subscribers)
            cloud.publish(seen(victim, "edge-0"))
            wait_until(asked.is_set)
            wait_until(lambda: 'keyhole_frames_total{outcome="tapped"} 1.0' in page(black))
        answer.set()
        cloud.end()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tap_token": None}, "needs --tap-token"),
        ({"attacks": ("pixels-whit",)}, "did you mean pixels-white"),
        ({"recipe": "strongest"}, "unknown recipe 'strongest': pixels-white has strong, paper"),
        ({"attacks": ("pixels-black", "pixels-white/guided")}, "pixels-white has strong, paper"),
        ({"target": "resnet"}, "unknown target"),
        ({"public": "photoes"}, "--public: no picture source 'photoes'"),
    ],
)
def test_wrong_settings_end_it_at_once(settings, change, message):
    with pytest.raises(UsageError, match=message):
        adversary(replace(settings, **change), Stop())


def test_a_wrong_token_ends_it(settings):
    cloud = Tapped()
    with serving(cloud.serve(port(settings.cloud))), pytest.raises(UsageError, match="wrong token"):
        adversary(replace(settings, tap_token="guess", attacks=("pixels-white",)), Stop())


def test_the_rate_of_an_attack_is_that_of_the_last_five_seconds():
    now, counted = [0.0], []
    rate = StepRate(lambda: counted.append(1), clock=lambda: now[0])
    for _ in range(20):
        rate.step()
        now[0] += 0.5
    assert len(counted) == 20
    assert rate.per_second() == 9 / 5
    now[0] += 60
    assert rate.per_second() == 0
