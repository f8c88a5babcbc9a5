"""Which trained generator an attack gets, where several folders are given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyhole.attacks.classes.access import generator_folder, ready_attacks
from keyhole.attacks.classes.registry import FLOORS
from keyhole.service.errors import UsageError


def folder(root: Path, name: str, **facts: str) -> Path:
    (root / name).mkdir()
    (root / name / "card.json").write_text(json.dumps(facts))
    return root / name


def test_one_that_was_made_for_the_target_comes_first(tmp_path: Path) -> None:
    other = folder(tmp_path, "other", kind="cgan", target_hash="b")
    own = folder(tmp_path, "own", kind="cgan", target_hash="a")
    plain = folder(tmp_path, "plain", kind="gan", target_hash="")
    folders = (other, own, plain)
    assert generator_folder(folders, "cgan", "a") == own
    assert generator_folder(folders, "cgan", "c") == other
    assert generator_folder(folders, "gan", "c") == plain
    with pytest.raises(UsageError, match="kind cdm"):
        generator_folder(folders, "cdm", "a")
    (tmp_path / "own" / "card.json").unlink()
    with pytest.raises(UsageError, match="no trained generator"):
        generator_folder(folders, "cgan", "a")


def test_all_attacks_are_those_whose_every_generator_is_there(tmp_path: Path) -> None:
    plain = folder(tmp_path, "plain", kind="gan")
    ked = folder(tmp_path, "ked", kind="inversion-gan")
    taught = folder(tmp_path, "taught", kind="students")

    def ready(*folders: Path) -> set[str]:
        return set(ready_attacks(folders)) - {"latent", "guided", *FLOORS}

    assert ready() == set()
    assert ready(plain) == {"gmi", "ppa", "mirror", "vmi", "brep-mi"}
    assert ready(ked) == {"ked-mi"}
    assert ready(ked, taught) == {"ked-mi", "lomma"}
