"""Evaluations that were stopped and go on: what they make is what one that was not stopped makes, to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from rich.progress import Progress

from keyhole.attacks.base import WhiteBox
from keyhole.attacks.registry import ATTACKS, choose
from keyhole.defences import defence_named
from keyhole.evaluation.run import reconstruct_all
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.evaluation.victim import Victim
from keyhole.partition import partitioned_at
from tests.attacks.tiny import pictures

COUNT, BATCH = 6, 3


def made(out: Path, attack: str, defence: str) -> dict[str, bytes]:
    """The pictures that a run into a folder ends with, by their path in it."""
    settings = OfflineSettings(
        target="tests.system.tiny_target:tiny",
        public="leaves",
        defence=defence,
        codec="int8",
        batch=BATCH,
        iterations=4,
        queries=16,
        out=out,
    )
    target, (partition,) = partitioned_at(settings, ("stem",))
    trial = Trial(settings, choose(attack, "strong", ATTACKS), seed=0, shown=0)
    with Progress(disable=True) as progress:
        reconstruct_all(trial, target, partition, pictures(COUNT, size=32), progress)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.png"))}


@pytest.mark.parametrize("attack", ["pixels-white", "pixels-black"])
@pytest.mark.parametrize("defence", ["gaussian:scale=0.5", "dropout:share=0.5"])
@pytest.mark.parametrize("left", [(), (0, 1, 2), (0,), (1, 2, 4)], ids=str)
def test_a_run_that_goes_on_makes_what_one_in_one_go_makes(tmp_path, attack, defence, left):
    whole = made(tmp_path / "whole", attack, defence)
    assert len(set(whole.values())) == COUNT
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    for path in (tmp_path / "stopped").rglob("*.png"):
        if int(path.stem) not in left:
            path.unlink()
    assert made(tmp_path / "stopped", attack, defence) == whole


def test_the_noise_of_a_picture_is_its_own_whatever_is_sent_beside_it():
    target, (partition,) = partitioned_at(OfflineSettings(target="tests.system.tiny_target:tiny"), ("stem",))
    preprocess, defence = target.preprocess, defence_named("gaussian:scale=0.5")
    victim = Victim(WhiteBox(partition.head, preprocess.normalise, preprocess.size, defence=defence), 0, "fp32")
    same = pictures(1, size=32).expand(3, -1, -1, -1)
    (together,), (alone,) = victim.send(same, (0, 1, 2)), victim.send(same[:1], (1,))
    assert not together[0].equal(together[1])
    torch.testing.assert_close(alone[0], together[1])
