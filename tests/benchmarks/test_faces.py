"""The study of real faces: whom it attacks, and what its tables say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.results.faces import RealFaces
from benchmarks.results.steps import SCORES, in_order
from keyhole.service.errors import UsageError
from tests.benchmarks.finished import finish


def test_faces_of_people_who_were_trained_on_make_no_table(tmp_path: Path) -> None:
    study = RealFaces(Path("/lfw.zip"), Path("/taef2"))
    (step, *_) = study.setups[0][1].values()
    finish(step, tmp_path, 0.5)
    path = step.folder(tmp_path) / SCORES
    told = json.loads(path.read_text())
    with pytest.raises(UsageError, match="does not say whom its target was trained on"):
        study.tables(tmp_path)
    for members, message in ((3, "3 of 6 attacked faces are of people"), (0, None)):
        path.write_text(json.dumps({**told, "trained_on": {"pictures": 6, "of_training_identities": members}}))
        if message:
            with pytest.raises(UsageError, match=message):
                study.tables(tmp_path)
    assert "0.525" in study.tables(tmp_path)["faces"]


def test_generators_on_faces_share_the_attacks_of_the_unpruned_head(tmp_path: Path) -> None:
    study = RealFaces(Path("/lfw.zip"), Path("/taef2"))
    assert len(in_order(study.steps)) == 3 + 6 + 4
    for attack, step in study.generators.items():
        if attack != "diffusion-black":
            finish(step, tmp_path, 0.5 if "pixels" in attack else 0.7)
            path = step.folder(tmp_path) / SCORES
            strangers = {"pictures": 6, "of_training_identities": 0}
            path.write_text(json.dumps({**json.loads(path.read_text()), "trained_on": strangers}))
    tables = study.tables(tmp_path)
    assert tables["faces"].count("0.725") == 2
    rows = {line.split(" | ")[0]: line for line in tables["faces-generators"].splitlines()}
    assert rows["| `decoder-black`"].endswith("| seen: SSIM +0.200 [+0.200, +0.200] |")
    assert rows["| `diffusion-white`"].endswith("| not seen: SSIM +0.000 [+0.000, +0.000] |")
    assert rows["| `diffusion-black`"] == "| `diffusion-black` | not measured |  |"
    assert rows["| `pixels-white`"].endswith("|  |")
