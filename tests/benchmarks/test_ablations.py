"""The study of the feature-inversion paper's ablations: its tables and charts, from what `keyhole ablation` writes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.results.__main__ import ResultsSettings, studies_of
from benchmarks.results.ablations import VARIED, Ablations
from benchmarks.results.page import filled
from benchmarks.results.steps import DONE, SCORES
from keyhole.evaluation.ablation import AXES
from keyhole.metrics.thumbnails import ThumbnailScale

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def written(over: str, values: tuple[int, ...], losses: list[float]) -> dict[str, object]:
    """JSON of an ablation: more is better, the deeper cut worse."""
    rows = [
        {
            over: value,
            "cut": f"{cut}.1",
            "pictures": [{"ssim": base + place / 10 + n / 100, "psnr": 20.0} for n in range(6)],
            "losses": losses,
        }
        for place, value in enumerate(values)
        for cut, base in (("layer2", 0.5), ("layer3", 0.4))
    ]
    blind = {"recipes": {"flat": {"pictures": [{"ssim": 0.2, "psnr": 1.0}] * 6}}}
    scale = ThumbnailScale(4, (1, 2, 4), {"ssim": [[0.1] * 6, [0.3] * 6, [1.0] * 6]})
    return {"rows": rows, "blind": blind, "scale": scale.as_json()}


@pytest.fixture
def study(tmp_path: Path) -> Ablations:
    (found,) = studies_of(ResultsSettings(out=tmp_path, studies=("ablations",))).values()
    assert isinstance(found, Ablations)
    return found


def finish(study: Ablations, root: Path) -> None:
    losses = [8.0 / step for step in range(1, 1501)]
    for over, values in {**{each.over: each.values for each in VARIED}, "iterations": (1500,)}.items():
        steps = (
            study.curves.values()
            if over == "iterations"
            else [step for (name, _), step in study.scored.items() if name == over]
        )
        for step in steps:
            folder = step.folder(root)
            folder.mkdir(parents=True)
            (folder / SCORES).write_text(json.dumps(written(over, values, losses)))
            (folder / DONE).touch()


def test_values_are_the_papers_and_each_table_has_its_place_in_the_page(study: Ablations, tmp_path: Path) -> None:
    assert {each.over: each.values for each in VARIED} == {
        name: axis.values for name, axis in AXES.items() if name != "iterations"
    }
    tables = study.tables(tmp_path)
    assert all("not measured" in text and "![" not in text for text in tables.values())
    assert study.charts(tmp_path) == ()
    page = filled(PAGE.read_text(encoding="utf-8"), tables)
    assert all(text.strip() in page for text in tables.values())


def test_what_is_measured_is_tabled_and_drawn(study: Ablations, tmp_path: Path) -> None:
    finish(study, tmp_path)
    tables = study.tables(tmp_path)
    (row,) = (line for line in tables["ablation-queries"].splitlines() if line.startswith("| `decoder-black` | 1024 |"))
    assert "0.625 [" in row.split("|")[3]
    assert "0.525 [" in row.split("|")[4]
    assert tables["ablation-sampling-steps"].count("dB") == 2 * 5 * 2
    (losses,) = (line for line in tables["ablation-losses"].splitlines() if "decoder-white/paper`, `layer3" in line)
    assert [cell.strip() for cell in losses.split("|")[2:-1]] == ["1", "0.1", "0.01", "0.002", "0.001", "0.000667"]
    charts = {chart.name: chart for chart in study.charts(tmp_path)}
    assert all(f"]({name}.png)" in tables[name] for name in charts)
    assert set(charts) == set(tables)
    (curve, _) = charts["ablation-sampling-steps"].panels[0].curves
    assert curve.points == tuple(
        (value, pytest.approx(0.525 + at / 10)) for at, value in enumerate((10, 15, 20, 25, 30))
    )
    assert charts["ablation-losses"].panels[2].curves[1].points[99] == (100, pytest.approx(math.log10(0.01)))


def test_every_step_is_an_ablation_of_an_attack_that_the_setting_means_something_to(study: Ablations) -> None:
    told = [step.arguments for step in study.steps]
    assert all(words[0] == "ablation" for words in told)
    assert len({step.name for step in study.steps}) == len(told) == 8
