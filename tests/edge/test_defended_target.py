"""Learned noise on its way: the edge sends it, the cloud answers, and the attackers know it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from adversary.preparation import known_defence, open_knowledge
from adversary.remote_oracle import ObservedCodec
from adversary.settings import AdversarySettings
from edge.device import Device
from edge.process import edge
from edge.settings import EdgeSettings
from keyhole.defences import defence_named
from keyhole.partition import partitioned
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.targets import ModelSettings
from keyhole.train.defences.command import defence
from keyhole.train.defences.settings import DefenceSettings
from tests.system.referee import notebook
from tests.system.running import running_cloud
from tests.train.patrol_making import SIDE, class_folders

CUT = "layer1"


@pytest.fixture(scope="module")
def defended(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Target and defence that the command leaves."""
    root: Path = tmp_path_factory.mktemp("defended")
    settings = DefenceSettings(
        target="tests.train.patrol_making:target",
        cut=CUT,
        method="shredder:distribution=gaussian",
        data=str(class_folders(root / "data")),
        out=root / "out",
        batch=16,
        epochs=2,
    )
    assert defence(settings) == 0
    return f"defended:{root}/out", f"learned-noise:file={root}/out/mechanism.safetensors"


def test_edge_and_cloud_run_it_and_the_header_names_it(defended: tuple[str, str]) -> None:
    target, word = defended
    with running_cloud(target=target, cut=CUT) as cloud, notebook() as book:
        settings = EdgeSettings(
            target=target, cut=CUT, defence=word, source="leaves", cloud=cloud.listen, fps=0.0, frames=4,
            monitor=book.address,
        )  # fmt: skip
        edge(settings, Stop())
    assert len(book.answered) == 4
    assert {truth.deployment.defence for truth in book.truths.values()} == {word}


def test_the_device_adds_the_noise_that_was_learned(defended: tuple[str, str]) -> None:
    target, word = defended
    device, picture = Device.load(EdgeSettings(target=target, cut=CUT, defence=word)), torch.rand(1, 3, SIDE, SIDE)
    loaded, parts = partitioned(ModelSettings(target=target, cut=CUT))
    (table,) = defence_named(word).noise.tables
    with torch.no_grad():
        plain = parts.head(loaded.preprocess.normalise(picture))
    drawn = torch.cat([device(picture)[0] - plain for _ in range(300)])
    assert torch.allclose(drawn.mean(0), table.location, atol=float(table.deviation.max()) / 3)
    assert drawn.std(0).mean().item() == pytest.approx(table.deviation.mean().item(), rel=0.1)


def test_another_cut_is_refused(defended: tuple[str, str]) -> None:
    target, word = defended
    device = Device.load(EdgeSettings(target=target, cut="layer2", defence=word))
    with pytest.raises(UsageError, match="another cut, size or target"):
        device.warm_up()


def test_the_adversary_has_the_same_tables(defended: tuple[str, str]) -> None:
    target, word = defended
    settings = AdversarySettings(target=target, cut=CUT, defence=word)
    assert known_defence(settings) == word
    with ExitStack() as stack:
        white = open_knowledge(settings, stack, "adversary", ObservedCodec(), Stop()).white()
    assert white.defence == defence_named(word)
