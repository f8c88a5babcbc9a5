"""Classes pictured beside the tap: by a process of its own, from the classifier alone, on from where it was ended."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from adversary.class_recall import ClassRecall, RecallPlan
from adversary.process import adversary
from adversary.recall_process import NICENESS
from adversary.settings import AdversarySettings
from keyhole.attacks.classes import latent
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus
from keyhole.wire.pictures import unpack_picture
from tests.adversary.servers import TOKEN, Monitor, Tapped
from tests.adversary.test_process import port, running, seen, serving, victim  # noqa: F401
from tests.attacks.tiny import pictures
from tests.system.tiny_target import LABELS, SIZE
from tests.waiting import wait_until

TARGET, CUT = "tests.system.tiny_target:tiny", "stem"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of the attacker's pictures."""
    folder = tmp_path_factory.mktemp("shown")
    for at, picture in enumerate(pictures(24, 0, SIZE)):
        place = folder / "public" / f"stranger {at}"
        place.mkdir(parents=True)
        transform.to_pil_image(picture).save(place / "0.png")
    return str(folder)


@pytest.fixture
def settings(public: str, tmp_path: Path, quiet_address) -> AdversarySettings:
    addresses = {name: str(quiet_address()) for name in ("cloud", "oracle", "referee", "listen", "metrics")}
    return AdversarySettings(
        target=TARGET,
        cut=CUT,
        tap_token=TOKEN,
        attacks=("pixels-white",),
        public="leaves",
        recall=("0-1", "star"),
        recall_public=public,
        recall_out=tmp_path / "recall",
        budget_seconds=1.5,
        interval=0.0,
        **addresses,
    )


def background() -> list[psutil.Process]:
    """Processes that multiprocessing started from this one."""
    alive = (one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE)
    return [one for one in alive if "spawn_main" in " ".join(one.cmdline())]


class Heard:
    """What a run of `ClassRecall` says."""

    def __init__(self) -> None:
        self.told: list[RecallStatus] = []
        self.shown: list[ClassPicture] = []

    def run(self, settings: AdversarySettings) -> None:
        ClassRecall(settings, RecallPlan.of(settings), self.told.append, self.shown.append).run()

    def final(self) -> dict[int, bytes]:
        return {one.label: one.picture.png for one in self.shown if one.final and not one.floor}


def test_each_class_gets_better_and_better_pictures_beside_the_public_one_that_is_liked_best(settings):
    heard = Heard()
    heard.run(settings)
    assert [(one.label, one.final) for one in heard.shown if one.floor] == [(0, True), (1, True), (3, True)]
    made = [one for one in heard.shown if not one.floor]
    assert {one.name for one in made} == {LABELS[0], LABELS[1], LABELS[3]}
    assert {one.knowledge for one in made} == {"white box"}
    star = [one for one in made if one.label == 3]
    assert len(star) > 3
    assert [one.iteration for one in star] == sorted(one.iteration for one in star)
    assert [one.final for one in star] == [False] * (len(star) - 1) + [True]
    assert star[0].picture.png != star[-1].picture.png
    assert unpack_picture(star[-1].picture, field="picture").shape == (3, SIZE, SIZE)
    assert heard.told[0].state == "preparing"
    assert (heard.told[-1].state, heard.told[-1].finished) == ("finished", 3)
    assert [each.name for each in heard.told[-1].classes] == [LABELS[0], LABELS[1], LABELS[3]]


def test_what_is_done_is_kept_and_the_rest_is_the_same_as_without_an_end_between(settings, tmp_path, monkeypatch):
    whole, first, second = Heard(), Heard(), Heard()
    whole.run(replace(settings, recall_out=tmp_path / "whole"))
    first.run(replace(settings, recall=("1",)))
    made: list[list[int]] = []
    search = latent.ClassSearch.recall

    def counted(self, wanted):
        made.append(wanted.labels.tolist())
        return search(self, wanted)

    monkeypatch.setattr(latent.ClassSearch, "recall", counted)
    second.run(settings)
    assert made == [[0, 3]]
    assert second.final() == whole.final()
    assert second.final()[1] == first.final()[1]


def test_another_classifier_has_a_folder_of_its_own(settings):
    one, other = Heard(), Heard()
    one.run(replace(settings, recall=("0",)))
    other.run(replace(settings, recall=("0",), target="tests.system.tiny_target:other"))
    assert one.shown[-1].model_hash != other.shown[-1].model_hash
    assert one.final() != other.final()


def test_a_process_of_its_own_at_low_priority_pictures_classes_while_frames_are_attacked(settings, victim):  # noqa: F811
    cloud, monitor = Tapped(), Monitor()
    with serving(cloud.serve(port(settings.cloud)), monitor.serve(port(settings.referee))):
        with running(settings):
            wait_until(background)
            (process,) = background()
            wait_until(lambda: process.nice() == min(19, os.nice(0) + NICENESS))
            wait_until(lambda: cloud.subscribers)
            cloud.publish(seen(victim, "edge-0"))
            wait_until(lambda: any(one.final for one in monitor.got))
            wait_until(lambda: len({one.label for one in monitor.classes if one.final and not one.floor}) == 3)
            wait_until(lambda: monitor.rosters[-1].recall.state == "finished")
            cloud.end()
        assert not background()
    assert [each.label for each in monitor.rosters[0].recall.classes] == [0, 1, 3]
    assert {one.target for one in monitor.classes} == {TARGET}


def test_a_monitor_that_comes_late_gets_every_final_picture(settings, victim):  # noqa: F811
    cloud, monitor = Tapped(), Monitor()
    with serving(cloud.serve(port(settings.cloud))), running(settings):
        kept = settings.recall_out
        wait_until(lambda: len([*kept.glob("*/latent/*/0.png")]) == 3)
        with serving(monitor.serve(port(settings.referee))):
            wait_until(lambda: len({one.label for one in monitor.classes if one.final and not one.floor}) == 3)
        cloud.end()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recall": ("5",)}, r"--recall 5: expected a name, or numbers from 0 to 4"),
        ({"recall_attack": "latest"}, "did you mean latent"),
        ({"recall_attack": "plg-mi"}, "keyhole train prior --kind cgan"),
        ({"recall_public": "nowhere"}, "--recall-public"),
        ({"target": "resnet18-streetcam", "cut": "layer2"}, "does not say which classes it tells apart"),
        ({"head_only": True}, "--recall pictures the classes of a whole classifier"),
    ],
)
def test_what_cannot_be_pictured_ends_the_adversary_at_once(settings, change, message):
    with pytest.raises(UsageError, match=message):
        adversary(replace(settings, **change), Stop())


def test_public_pictures_that_show_a_class_are_refused(settings, tmp_path):
    place = tmp_path / "faces" / "public" / LABELS[3]
    place.mkdir(parents=True)
    for at in range(2):
        transform.to_pil_image(torch.rand(3, SIZE, SIZE)).save(place / f"{at}.png")
    with pytest.raises(UsageError, match="shows 1 of the private classes, such as 'star'"):
        Heard().run(replace(settings, recall_public=str(tmp_path / "faces")))
