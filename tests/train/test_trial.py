"""`keyhole trial`: a target is told of by whom neither training nor choice has seen."""

import json
from pathlib import Path

import pytest

from keyhole.service.errors import UsageError
from keyhole.targets import read_card
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings, TrialSettings
from keyhole.train.trial import trial
from tests.train.making import boards, files


def test_it_measures_what_the_card_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files(tmp_path / "people", boards(9, 4, seed=0))
    shared = {"data": str(tmp_path / "people"), "part": "all", "held_out": 6, "workers": 0, "seed": 3}
    small = {"size": 16, "stages": ("16:1",), "batch": 4, "per_identity": 2}
    assert train(TrainSettings(out=tmp_path / "out", task="re-identification", **small, **shared)) == 0
    figures = read_card(tmp_path / "out").figures
    told = TrialSettings(
        target=str(tmp_path / "out"), probes=1, selection=True, json=tmp_path / "told" / "trial.json", **shared
    )
    capsys.readouterr()
    assert trial(told) == 0
    found = json.loads((tmp_path / "told" / "trial.json").read_text())
    for name in ("rank_1", "rank_5", "mAP", "mINP", "identities", "probes"):
        assert found["report"][name] == pytest.approx(figures[name], abs=0.01)
    for name in ("rank_1", "mAP"):
        assert found["selection"][name] == pytest.approx(figures[f"{name}_selection"], abs=0.01)
    assert found["selection"]["identities"] == figures["selection_identities"]
    assert "report" in capsys.readouterr().out


def test_a_classifier_has_no_trial() -> None:
    with pytest.raises(UsageError, match="answers with classes"):
        trial(TrialSettings(target="resnet18-tinyimagenet"))
