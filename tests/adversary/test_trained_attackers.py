"""Attackers that were trained before the tap: which frames they serve, and what is made of the first one."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adversary.process import adversary
from adversary.settings import AdversarySettings
from adversary.trained_attackers import ObservedOrigin, TrainedAttackers
from edge.device import Device
from edge.settings import OracleSettings
from keyhole.attacks.base import OracleAwayError
from keyhole.attacks.registry import ONLINE, choose
from keyhole.attacks.saved import SavedAttacker, SavedAttackers
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.targets.stored_weights import CARD
from keyhole.train.attacker.command import attacker
from keyhole.train.attacker.settings import AttackerSettings
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import pack_frame
from tests.adversary.servers import TOKEN, Monitor, Tapped
from tests.adversary.test_process import CUT, TARGET, port, running, serving, settings  # noqa: F401
from tests.attacks.tiny import pictures
from tests.system.tiny_target import SIZE
from tests.waiting import PATIENCE, wait_until

WORD = "pixels-black/strong"
STEPS, QUERIES = 20, 32
LOADED = threading.Event()


class Slow:
    """A white box that takes long to load, and then cannot begin."""

    knowledge = "white box"

    def __init__(self, *_):
        assert LOADED.wait(PATIENCE)
        raise UsageError("it cannot begin")

    def reconstruct(self, frames):
        raise NotImplementedError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny target at `CUT`, through int8."""
    folder = tmp_path_factory.mktemp("attackers")
    small = AttackerSettings(
        target=TARGET, cut=CUT, public="leaves", codec="int8", steps=STEPS, queries=QUERIES, audit=0, out=folder / "one"
    )
    attacker(replace(small, attack="pixels-black"))
    return folder


@pytest.fixture(scope="module")
def header() -> FrameHeader:
    """As the edge writes it."""
    return Device.load(OracleSettings(target=TARGET, cut=CUT)).header("edge-0", "edge")


def search(store: Path, header: FrameHeader, codec: str = "int8+zstd", **changed):
    """What an attack begins with when such a frame comes."""
    given = replace(
        AdversarySettings(target=TARGET, cut=CUT, public="leaves", attackers=(store,), tap_token=TOKEN), **changed
    )
    origin, choice = ObservedOrigin(), choose("pixels-black", "strong", ONLINE)
    trained = TrainedAttackers(given, origin, Stop())
    assert trained.awaited(choice)
    origin.note(header, codec_named(codec))
    return trained.network(choice, choice.recipe)


def test_frames_of_what_it_was_trained_for_find_it(store, header):
    network = search(store, header)
    assert (network.before, network.step, network.queries) == (True, STEPS, QUERIES)


def test_one_that_was_named_goes_before_one_of_the_package_that_was_trained_longer(store, tmp_path):
    shutil.copytree(store / "one", tmp_path / "shipped" / "one")
    card = tmp_path / "shipped" / "one" / CARD
    card.write_text(card.read_text().replace(f'"steps": {STEPS}', f'"steps": {STEPS + 1}'))
    key = SavedAttacker.read(store / "one").card.of
    both = SavedAttackers((store,), tmp_path / "shipped")
    assert both.sought(key, WORD).found.folder == store / "one"
    assert both.sought(key, WORD, steps=STEPS + 1).found.folder == tmp_path / "shipped" / "one"


@pytest.mark.parametrize("name", ["target", "model_hash", "cut", "defence"])
def test_frames_of_another_head_do_not_and_the_log_says_why(store, header, name, caplog):
    other = FrameHeader()
    other.CopyFrom(header)
    setattr(other, name, "another")
    with caplog.at_level(logging.WARNING):
        assert search(store, other) is None
    (record,) = [record for record in caplog.records if "learns beside the frames" in record.message]
    assert f"{name.replace('_', ' ')} was" in record.reason


def test_frames_from_elsewhere_are_warned_of_once(header, caplog):
    origin, other = ObservedOrigin(), FrameHeader()
    other.CopyFrom(header)
    other.cut = "another"
    with caplog.at_level(logging.WARNING):
        for each in (header, header):
            origin.note(each, codec_named("int8"))
        assert not caplog.records
        for each in (other, header, other):
            origin.note(each, codec_named("int8"))
    (record,) = caplog.records
    assert "another" in record.now
    assert CUT in record.before


@pytest.mark.parametrize(
    "changed", [{"codec": "fp32"}, {"public": "photos"}, {"size": 16}, {"queries": QUERIES - 1}], ids=str
)
def test_what_the_adversary_has_otherwise_finds_nothing(store, header, changed):
    assert search(store, header, **changed) is None


def test_a_folder_without_an_attacker_ends_the_adversary(tmp_path):
    given = AdversarySettings(target=TARGET, cut=CUT, public="leaves", attackers=(tmp_path,), tap_token=TOKEN)
    with pytest.raises(UsageError, match=f"--attackers {tmp_path}: no trained attacker there"):
        adversary(given, Stop())


def test_wrong_settings_end_the_adversary_before_it_waits_for_a_frame(settings, store):  # noqa: F811
    given = replace(settings, attacks=("pixels-black",), attackers=(store,), public="photoes")
    with pytest.raises(UsageError, match="no picture source 'photoes'"):
        adversary(given, Stop())


def test_it_waits_for_a_frame_until_told_to_stop(store):
    given = AdversarySettings(target=TARGET, cut=CUT, public="leaves", attackers=(store,))
    stop, choice = Stop(), choose("pixels-black", "strong", ONLINE)
    trained = TrainedAttackers(given, ObservedOrigin(), stop)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(OracleAwayError, match="no frame was tapped"):
        trained.network(choice, choice.recipe)


def test_attacks_for_which_nothing_was_trained_wait_for_no_frame(store):
    given = AdversarySettings(target=TARGET, cut=CUT, public="leaves", attackers=(store,))
    trained = TrainedAttackers(given, ObservedOrigin(), Stop())
    assert not any(trained.awaited(choose(word, "strong", ONLINE)) for word in ("pixels-white", "decoder-ladder"))


def test_the_first_frame_is_answered_by_a_network_that_asks_nobody(settings, store):  # noqa: F811
    cloud, monitor = Tapped(), Monitor()
    given = replace(settings, attacks=("pixels-black",), attackers=(store,))
    device = Device.load(OracleSettings(target=TARGET, cut=CUT))
    first = pack_frame(device.header("edge-0", "edge"), device(pictures(1, size=SIZE)), codec_named("int8"))
    with serving(cloud.serve(port(given.cloud)), monitor.serve(port(given.referee))), running(given):
        wait_until(lambda: cloud.subscribers)
        cloud.publish(first)
        wait_until(lambda: monitor.got)
        wait_until(lambda: any(one.steps == STEPS for roster in monitor.rosters for one in roster.attacks))
    made = monitor.got[0]
    assert (made.frame_id, made.iteration, made.queries, made.trained_before) == ("edge-0", STEPS, QUERIES, True)


def test_it_answers_while_others_load_their_models_and_one_that_cannot_begin_ends_it(settings, store):  # noqa: F811
    cloud, monitor, ended = Tapped(), Monitor(), []
    slow = "tests.adversary.test_trained_attackers:Slow"
    given = replace(settings, attacks=(slow, "pixels-black"), attackers=(store,))
    device = Device.load(OracleSettings(target=TARGET, cut=CUT))
    first = pack_frame(device.header("edge-0", "edge"), device(pictures(1, size=SIZE)), codec_named("int8"))

    def work() -> None:
        try:
            adversary(given, Stop())
        except UsageError as error:
            ended.append(str(error))

    with serving(cloud.serve(port(given.cloud)), monitor.serve(port(given.referee))):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        wait_until(lambda: cloud.subscribers)
        cloud.publish(first)
        wait_until(lambda: monitor.got)
        assert not ended
        LOADED.set()
        wait_until(lambda: ended)
    assert ended == ["it cannot begin"]
