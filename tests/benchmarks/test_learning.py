"""The study of how long a black box learns: what its table says of convergence, and its chart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.results.__main__ import ResultsSettings, main, studies_of
from benchmarks.results.learning import Learning, course, verdict
from benchmarks.results.steps import DONE, SCORES
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError


def learned(*means: float, first: int = 10, spread: float = 0.0) -> dict[str, object]:
    """JSON of an ablation: after 10, 20, 40, … steps, six pictures around these means, gains apart by ``spread``."""
    rows = [
        {
            "iterations": first * 2**at,
            "pictures": [{"ssim": mean + place / 100 + spread * place * at, "psnr": 20.0} for place in range(6)],
        }
        for at, mean in enumerate(means)
    ]
    blind = {"recipes": {"flat": {"pictures": [{"ssim": 0.2, "psnr": 1.0}] * 6}}}
    scale = ThumbnailScale(4, (1, 2, 4), {"ssim": [[0.1] * 6, [0.3] * 6, [1.0] * 6]})
    return {"rows": rows[::-1], "blind": blind, "scale": scale.as_json()}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (learned(0.5, 0.52, 0.523), "converged at 20 steps: 40 give +0.003 [+0.003, +0.003]"),
        (learned(0.5, 0.502, 0.503), "converged at 10 steps: 20 give +0.002 [+0.002, +0.002]"),
        (learned(0.5, 0.52, 0.53), "not converged at 20 steps: 40 give +0.010 [+0.010, +0.010]"),
        (learned(0.5, 0.502, 0.49), "not converged at 20 steps: 40 give -0.012 [-0.012, -0.012]"),
        (learned(0.5), "one number of steps tells nothing of convergence"),
    ],
)
def test_an_attack_is_converged_where_every_further_doubling_moves_it_little(run: dict[str, object], said: str) -> None:
    assert verdict(course(run)) == said


def test_convergence_by_the_mean_alone_is_said_to_be_so() -> None:
    said = verdict(course(learned(0.5, 0.5, spread=0.0016)))
    assert said.startswith("converged at 10 steps: 20 give +0.004 [")
    assert said.endswith("], by the mean; the interval reaches over 0.005")


def test_how_long_a_black_box_learns_is_told_in_a_table_and_drawn(tmp_path: Path) -> None:
    settings = ResultsSettings(out=tmp_path / "out", studies=("learning",), page=tmp_path / "page.md", tables_only=True)
    (study,) = studies_of(settings).values()
    assert isinstance(study, Learning)
    assert study.counts == (150, 300, 600, 1200, 2400)
    assert study.tables(settings.out)["learning"].count("not measured") == 2 * 5 * 4 + 4
    assert study.charts(settings.out) == ()
    for place, step in enumerate(study.steps):
        last = 0.6 if "decoder-black-layer3" in step.name else 0.522
        means = (0.5 + place / 100, 0.52 + place / 100, 0.52, 0.52, last)
        folder = step.folder(settings.out)
        folder.mkdir(parents=True)
        (folder / SCORES).write_text(json.dumps(learned(*means, first=150)))
        (folder / DONE).touch()
    lines = study.tables(settings.out)["learning"].splitlines()
    (row,) = (line for line in lines if line.startswith("| `pixels-black` | 300 |"))
    assert row.split("|")[3].strip() == "0.545 [0.527, 0.563]; +0.020 [+0.020, +0.020]"
    assert "| blind attacker |  | 0.200 | 0.200 | 0.200 | 0.200 |" in lines
    told = [line for line in lines if line.startswith("- `")]
    assert told[0] == (
        "- `pixels-black` at `layer1`: converged at 300 steps: 600 give +0.000 [+0.000, +0.000]; "
        "with 2400 steps a thumbnail of 3 px [3, 3]."
    )
    assert len(told) == 8
    (chart,) = study.charts(settings.out)
    assert f"]({chart.name}.png)" in lines[-1]
    assert [panel.title for panel in chart.panels] == ["pixels-black", "decoder-black"]
    (curve,) = (curve for curve in chart.panels[1].curves if curve.name == "layer3")
    assert [y for _, y in curve.points] == pytest.approx([0.585, 0.605, 0.545, 0.545, 0.625])
    assert [x for x, _ in curve.points] == pytest.approx([at for at, _ in chart.panels[1].x.ticks])
    assert chart.panels[0].levels[0].at == pytest.approx(0.2)

    assert settings.page is not None
    settings.page.write_text("<!-- results: learning -->\nNot measured.\n<!-- end of results -->\n")
    assert main(settings) == 0
    assert "![SSIM of black boxes" in settings.page.read_text()
    with Image.open(tmp_path / "learning.png") as drawn:
        assert drawn.width > drawn.height


def test_steps_that_are_not_doubled_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--steps 150 300 500: expected each twice the number before"):
        studies_of(ResultsSettings(out=tmp_path, steps=(150, 300, 500)))
