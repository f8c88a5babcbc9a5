"""A pruned target on its way: every process loads the same folder, and frames say what protects them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adversary.preparation import known_defence, open_knowledge
from adversary.remote_oracle import ObservedCodec
from adversary.settings import AdversarySettings
from edge.device import Device
from edge.process import edge
from edge.settings import EdgeSettings
from keyhole.partition import survey
from keyhole.partition.pruning.masks import prune_masked
from keyhole.partition.pruning.plan import write_plan
from keyhole.partition.pruning.surgery import structures_before
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.targets import Card, load_target, write_card
from keyhole.targets.stored_weights import WEIGHTS, save_quantised
from keyhole.wire.pictures import unpack_picture
from tests.system.referee import notebook
from tests.system.running import TINY, running_cloud
from tests.system.tiny_target import LABELS, SIZE, tiny

CUT = "block"


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tests' own model without half of its head's channels."""
    folder: Path = tmp_path_factory.mktemp("pruned")
    target, example = tiny(), torch.zeros(1, 3, SIZE, SIZE)
    structures = structures_before(survey(target.model, example), CUT)
    masks = [(torch.arange(place.count) % 2).float() for place in structures]
    write_plan(prune_masked(target.model, structures, masks, example, defence="patrol", cut=CUT), folder)
    save_quantised(target.model.state_dict(), folder / WEIGHTS)
    card = Card(
        name="tiny-pruned",
        architecture=TINY,
        data="none",
        licence="Apache-2.0",
        recipe={},
        seed=0,
        figures={},
        command="",
        size=SIZE,
        mean=target.preprocess.mean,
        std=target.preprocess.std,
        labels=LABELS,
        sha256="",
    )
    write_card(card, folder)
    return f"pruned:{folder}"


def test_edge_and_cloud_run_the_pruned_model_and_the_header_names_the_defence(pruned: str) -> None:
    with running_cloud(target=pruned, cut=CUT) as cloud, notebook() as book:
        settings = EdgeSettings(
            target=pruned, cut=CUT, source="leaves", cloud=cloud.listen, fps=0.0, frames=6, monitor=book.address
        )
        edge(settings, Stop())
    assert len(book.answered) == 6
    assert {truth.deployment.defence for truth in book.truths.values()} == {"patrol"}
    pictures = torch.stack([unpack_picture(truth.picture, field="picture") for truth in book.truths.values()])
    target = load_target(pruned)
    with torch.inference_mode():
        answers = target.model(target.preprocess.normalise(pictures))
    predictions = [book.outcomes[frame_id].prediction for frame_id in book.truths]
    assert predictions == [LABELS[row.argmax()] for row in answers]


def test_the_device_sends_fewer_channels_and_no_plan(pruned: str) -> None:
    device = Device.load(EdgeSettings(target=pruned, cut=CUT))
    (features,) = device(torch.rand(1, 3, SIZE, SIZE))
    assert features.shape[1] == 4
    header = device.header("frame", "edge")
    assert header.defence == "patrol"
    assert Device.load(EdgeSettings(target=TINY, cut=CUT)).header("frame", "edge").defence == "none"


def test_a_cloud_with_the_whole_model_is_refused(pruned: str) -> None:
    with running_cloud(target=TINY, cut=CUT) as cloud, pytest.raises(UsageError, match="tensors is 1×8×16×16"):
        edge(EdgeSettings(target=pruned, cut=CUT, source="leaves", cloud=cloud.listen, frames=1), Stop())


def test_a_white_box_adversary_has_the_pruned_head(pruned: str) -> None:
    from contextlib import ExitStack

    settings = AdversarySettings(target=pruned, cut=CUT)
    assert known_defence(settings) == "patrol"
    assert known_defence(AdversarySettings(target="resnet18")) == "none"
    with ExitStack() as stack:
        white = open_knowledge(settings, stack, "adversary", ObservedCodec(), Stop()).white()
    device, picture = Device.load(EdgeSettings(target=pruned, cut=CUT)), torch.rand(1, 3, SIZE, SIZE)
    assert torch.equal(white.head(white.normalise(picture)), device(picture)[0])
