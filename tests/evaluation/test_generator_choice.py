"""Which trained generator an attack gets, where several folders are given."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from keyhole.attacks.classes.access import OpenedClasses, generator_folder, ready_attacks
from keyhole.attacks.classes.learned import warn_of_other_pictures, warn_of_the_priors_pictures
from keyhole.attacks.classes.registry import FLOORS
from keyhole.data.public_set import PublicSet
from keyhole.service.errors import UsageError
from keyhole.targets.target import Preprocess, Target


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


@pytest.mark.parametrize(
    ("data", "public", "told"),
    [
        (
            "streetcam, pool public",
            ("streetcam", "public-shifted"),
            "pool public, and .* show streetcam, pool public-s",
        ),
        ("streetcam, pool public-shifted", ("streetcam", "public-shifted"), ""),
        ("streetcam, pool public: 12000 pictures at 128 px", ("streetcam", "public"), ""),
        ("/here/faces.zip, pool public", ("../there/faces.zip", "public"), ""),
        ("/here/faces.zip, pool public", ("birds.zip", "public"), "show birds.zip, pool public"),
        ("something", ("streetcam", "public"), ""),
    ],
)
def test_a_generator_that_knows_other_pictures_than_the_rows_show_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: str, public: tuple[str, str], told: str
) -> None:
    warn_of_other_pictures(folder(tmp_path, "made", data=data), *public, "--generators made")
    assert bool(caplog.messages) == bool(told)
    assert re.search(told, " ".join(caplog.messages))


def test_the_shipped_prior_knows_vehicles_of_another_pool_than_the_default_rows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown = PublicSet("streetcam")
    target = Target("tiny", torch.nn.Linear(2, 2), Preprocess(64), ("a", "b"), 2, "none", "none")
    known = OpenedClasses(target, torch.zeros(1, 3, 64, 64), shown.spec, "", "streetcam", public_part=shown.taken)
    known.access.blind().prior()
    assert "--prior streetcam learned from streetcam, pool public, and the rows" in caplog.text
    warn_of_the_priors_pictures("package.module:Class", shown.spec, shown.taken)
    assert len(caplog.messages) == 1


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
