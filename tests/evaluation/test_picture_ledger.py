"""Pictures and losses that a run keeps, to go on where it stopped."""

from __future__ import annotations

import torch

from keyhole.evaluation.picture_ledger import PictureLedger
from keyhole.evaluation.settings import AttackSettings, check_attack
from tests.attacks.tiny import pictures


def test_a_folder_from_before_the_mark_is_gone_on_with(tmp_path):
    (tmp_path / "0123456789ab").mkdir()
    (tmp_path / "0123456789ab" / "run.json").write_text("{}")
    check_attack(AttackSettings(out=tmp_path))
    assert PictureLedger.open(tmp_path, {}).folder.is_dir()


def test_pictures_survive_the_ledger(tmp_path):
    picture = pictures(1)[0]
    ledger = PictureLedger.open(tmp_path, {"a": 1})
    assert not ledger.has("layer1.1", 0)
    ledger.keep("layer1.1", 0, picture)
    assert torch.equal(PictureLedger.open(tmp_path, {"a": 1}).read("layer1.1", 0), picture)
    assert not PictureLedger.open(tmp_path, {"a": 2}).has("layer1.1", 0)


def test_losses_of_several_batches_are_averaged_as_far_as_they_go(tmp_path):
    ledger = PictureLedger.open(tmp_path, {})
    ledger.keep("stem", 0, pictures(1)[0])
    ledger.keep_losses("stem", 0, [4.0, 2.0, 1.0])
    ledger.keep_losses("stem", 2, [2.0, 1.0])
    ledger.keep_losses("stem", 4, [])
    assert ledger.losses("stem") == [3.0, 1.5, 1.0]
    assert ledger.losses("other") == []
