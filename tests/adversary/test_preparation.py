"""What an adversary knows, as it is opened for its attacks."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice

import pytest
import torch

from adversary import preparation
from adversary.preparation import open_knowledge
from adversary.remote_oracle import ObservedCodec
from adversary.settings import AdversarySettings
from keyhole.attacks.blind_knowledge import REMEMBERED
from keyhole.service.lifecycle import Stop


def test_the_first_public_pictures_are_drawn_once_for_all_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = [], preparation.public_pictures

    def counted(*named):
        for picture in draw(*named):
            drawn.append(picture)
            yield picture

    monkeypatch.setattr(preparation, "public_pictures", counted)
    settings = AdversarySettings(target="tests.system.tiny_target:tiny", cut="stem", public="leaves", size=16)
    with ExitStack() as stack:
        known = open_knowledge(settings, stack, "adversary", ObservedCodec(), Stop())
        learned = list(islice(known.black().public, 96))
        blind = known.blind().pictures
        assert torch.equal(torch.stack(learned), blind[:96])
        assert torch.equal(torch.stack(list(islice(known.white().public(), 2))), blind[:2])
    assert len(drawn) == len(blind) == REMEMBERED


def test_the_blind_attacker_draws_no_more_once_told_to_stop() -> None:
    settings, stop = AdversarySettings(target="tests.system.tiny_target:tiny", public="leaves", size=16), Stop()
    with ExitStack() as stack:
        drawn = open_knowledge(settings, stack, "adversary", ObservedCodec(), stop).blind().public()
        assert len(list(islice(drawn, 3))) == 3
        stop.set()
        assert list(drawn) == []
