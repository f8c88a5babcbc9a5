"""The attacker that comes with the package: the default demo finds it, and it sees what its card says."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from adversary.settings import AdversarySettings
from adversary.trained_attackers import ObservedOrigin, TrainedAttackers
from edge.device import Device
from edge.settings import EdgeSettings
from keyhole.attacks.base import BlackBox, Budget, Observation, RunSettings
from keyhole.attacks.registry import ATTACKS, ONLINE, choose
from keyhole.attacks.saved import SHIPPED, SavedAttacker, SavedAttackers
from keyhole.data.source import open_source
from keyhole.demo.settings import DemoSettings
from keyhole.evaluation.attackers import attacker_key
from keyhole.evaluation.settings import OfflineSettings
from keyhole.metrics import ssim
from keyhole.partition import partitioned
from keyhole.service.lifecycle import Stop
from keyhole.targets.stored_weights import WEIGHTS
from keyhole.wire.codec_registry import codec_named

WORD = "pixels-black/prepared"
ATTACKERS = sorted(path.parent for path in SHIPPED.glob("*/card.json"))


@pytest.mark.parametrize("folder", ATTACKERS, ids=lambda folder: folder.name)
def test_each_is_small_and_what_its_card_says(folder):
    card = SavedAttacker.read(folder).card
    assert (folder / WEIGHTS).stat().st_size <= 2_000_000
    assert card.name == folder.name
    assert card.figures["ssim_low"] < card.figures["ssim"] < card.figures["ssim_high"]
    assert card.command.startswith("keyhole train attacker")


def test_the_default_demo_begins_with_it():
    demo, adversary, edge = DemoSettings(), AdversarySettings(), EdgeSettings()
    assert WORD in demo.attacks
    assert demo.attacks == adversary.attacks
    device, choice = Device.load(edge), choose(WORD, "strong", ONLINE)
    origin = ObservedOrigin()
    trained = TrainedAttackers(adversary, origin, Stop())
    assert trained.awaited(choice)
    origin.note(device.header("edge-0", "edge"), codec_named(demo.codec))
    network = trained.network(choice, choice.recipe)
    assert network is not None
    assert network.before

    shown = torch.stack([sample.picture for sample in islice(open_source("streetcam", pool="audit", size=128), 8)])
    features = device(shown)
    frames = [Observation(str(at), tuple(one[at : at + 1] for one in features)) for at in range(len(shown))]

    class Never:
        def query(self, _):
            raise AssertionError("it asks the oracle")

    run = RunSettings(Budget(1), trained=lambda _: network)
    with choice.recipe.make(BlackBox(Never(), iter(()), 128), run) as attack:
        (estimate,) = attack.reconstruct(frames)
    (saved,) = [saved for saved in SavedAttackers() if saved.card.steps == network.step]
    got = ssim(estimate.pictures, shown).mean().item()
    assert got == pytest.approx(saved.card.figures["ssim"], abs=0.06)
    assert got > saved.card.figures["blind_ssim"] + 0.15


def test_an_attack_offline_takes_it_where_it_would_train_the_same():
    settings, choice = OfflineSettings(), choose(WORD, "strong", ATTACKS)
    key = attacker_key(settings, choice, *partitioned(settings))
    found = SavedAttackers().sought(key, WORD, steps=choice.recipe.steps(), queries=4096, seed=0).found
    assert found is not None
    assert found.card.steps == choice.recipe.steps()
