"""`keyhole ablation` on a tiny model and a tiny prior."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.features.learner import Learner
from keyhole.attacks.registry import ATTACKS, choose
from keyhole.evaluation import ablation as ablations
from keyhole.evaluation.ablation import AXES, ablation
from keyhole.evaluation.scores import EvaluationRow
from keyhole.evaluation.settings import AblationSettings
from keyhole.evaluation.yardstick import Yardstick
from keyhole.service.errors import UsageError
from tests.attacks.tiny import pictures
from tests.priors.tiny_priors import stable


@pytest.fixture
def settings(tmp_path):
    place = tmp_path / "pictures" / "audit"
    place.mkdir(parents=True)
    for number, picture in enumerate(pictures(2, size=32)):
        transform.to_pil_image(picture).save(place / f"{number}.png")
    return AblationSettings(
        attack="pixels-white",
        target="tests.system.tiny_target:tiny",
        source=str(place.parent),
        public="leaves",
        cuts=("stem", "block.first"),
        n=2,
        iterations=2,
        json=tmp_path / "out" / "rows.json",
        plot=tmp_path / "out" / "scores.png",
        curves=tmp_path / "out" / "losses.svg",
        sheet=tmp_path / "out" / "sheet.png",
    )


def test_sampling_steps_one_row_for_each_value_and_cut(settings, tmp_path, capsys):
    prior = str(stable(tmp_path / "prior"))
    done = replace(settings, attack="diffusion-white/noise", prior=prior, over="sampling-steps", values=(1, 3))
    assert ablation(done) == 0
    written = json.loads(settings.json.read_text())
    rows = [(row["sampling-steps"], row["cut"], row["unet_passes"]) for row in written["rows"]]
    assert rows == [(1, "stem", 3), (1, "block.first", 3), (3, "stem", 9), (3, "block.first", 9)]
    assert all(row["n"] == 2 and row["ssim_mean"] <= 1 for row in written["rows"])
    assert "sampling-steps" in capsys.readouterr().out
    with Image.open(settings.plot) as plot:
        assert plot.width > plot.height
    assert "<svg" in settings.curves.read_text()
    assert settings.sheet.exists()


def test_more_iterations_match_better(settings):
    assert ablation(replace(settings, over="iterations", values=(5, 80), cuts=("stem",))) == 0
    few, many = json.loads(settings.json.read_text())["rows"]
    assert few["psnr_mean"] < many["psnr_mean"]
    assert (few["ssim_gain_mean"], few["ssim_gain_ci95"]) == (0, None)
    assert many["ssim_gain_mean"] == pytest.approx(many["ssim_mean"] - few["ssim_mean"])


def test_losses_are_tabled_written_and_drawn(settings, capsys):
    assert ablation(replace(settings, over="iterations", values=(5, 12), cuts=("stem",))) == 0
    few, many = json.loads(settings.json.read_text())["rows"]
    assert (len(few["losses"]), len(many["losses"])) == (5, 12)
    lines = [line.replace("│", " ").replace("┃", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["loss", "at", "step", "1", "10", "12"] in lines
    told = [words[-3:] for words in lines if words[:1] == ["stem"] and "·" in words]
    assert told == [
        [f"{few['losses'][0]:.4g}", "–", "–"],
        [f"{many['losses'][at]:.4g}" for at in (0, 9, 11)],
    ]
    assert "<svg" in settings.curves.read_text()


def test_a_gain_is_of_the_same_pictures():
    before = [{"psnr": 20.0, "ssim": share / 10, "eq14": 30.0} for share in range(8)]
    after = [{"psnr": 20.0, "ssim": share / 10 + 0.02 + 0.001 * share, "eq14": 30.0} for share in range(8)]
    plan = SimpleNamespace(cut="layer2.1", alias="L8")
    first, second = (EvaluationRow("pixels-white", plan, {0: scores}, None) for scores in (before, after))
    low, high = second.gain(first, "ssim").interval
    assert 0.02 < low < 0.0235 < high < 0.028
    assert first.mean("ssim").interval[1] > second.mean("ssim").interval[0]


def test_other_metrics_are_tabled_drawn_and_compared(settings, capsys):
    done = replace(settings, over="iterations", values=(2, 40), cuts=("stem",), metrics=("haarpsi", "psnr"))
    assert ablation(done) == 0
    few, many = json.loads(settings.json.read_text())["rows"]
    assert many["haarpsi_gain_mean"] == pytest.approx(many["haarpsi_mean"] - few["haarpsi_mean"])
    assert "ssim_mean" not in many
    assert "HaarPSI above" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="unknown metric 'hairpsi': did you mean haarpsi"):
        ablation(replace(settings, over="iterations", metrics=("hairpsi",)))


def test_a_setting_that_is_varied_has_an_attack_that_it_means_something_to():
    for axis in AXES.values():
        assert axis.applies(choose(axis.attack, "strong", ATTACKS))


def test_queries_of_a_black_box(settings):
    done = replace(settings, attack="", public="leaves", over="queries", values=(2, 4), cuts=("stem",))
    assert ablation(done) == 0
    rows = json.loads(settings.json.read_text())["rows"]
    assert [(row["attack"], row["queries"]) for row in rows] == [("pixels-black", 2), ("pixels-black", 4)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"over": "sampling-steps"}, "--over sampling-steps changes nothing for pixels-white"),
        (
            {"over": "sampling-steps", "attack": "diffusion-white"},
            "changes nothing for diffusion-white by recipe strong: give --attack diffusion-black or diffusion-white/n",
        ),
        ({"over": "queries"}, "--over queries changes nothing for pixels-white by recipe strong"),
        ({"over": "iterations", "values": (3, 0)}, "--values 0: expected 1 or more"),
        ({"attack": "diffusion-blak"}, "did you mean diffusion-black"),
    ],
)
def test_what_cannot_be_varied_is_refused(settings, change, message):
    with pytest.raises(UsageError, match=message):
        ablation(replace(settings, **change))


def test_the_papers_values():
    assert AXES["sampling-steps"].values == (10, 15, 20, 25, 30)
    assert AXES["queries"].values[-1] == 4096


@pytest.mark.parametrize(
    ("attack", "cuts", "values"),
    [("pixels-black", ("stem", "block.first"), (5, 3, 14)), ("decoder-black", ("stem",), (5, 2))],
)
def test_a_black_box_is_trained_once_and_is_at_every_number_of_steps_what_a_training_of_so_many_makes(
    settings, tmp_path, monkeypatch, attack, cuts, values
):
    """Steps between the numbers are no multiples of those between queries."""
    black = replace(
        settings,
        attack=attack,
        over="iterations",
        values=values,
        cuts=cuts,
        public="leaves",
        prior=str(stable(tmp_path / "prior")),
        defence="dropout:share=0.5",
    )
    assert ablation(black) == 0
    alone = json.loads(settings.json.read_text())["rows"]
    taken: list[int] = []
    step = Learner.step
    monkeypatch.setattr(Learner, "step", lambda learner: taken.append(1) or step(learner))
    assert ablation(replace(black, out=tmp_path / "kept")) == 0
    together = json.loads(settings.json.read_text())["rows"]
    assert [(row["iterations"], row["cut"], row["pictures"]) for row in together] == [
        (row["iterations"], row["cut"], row["pictures"]) for row in alone
    ]
    assert len({row["ssim_mean"] for row in together}) == len(cuts) * len(values)
    assert len(taken) == len(cuts) * max(values), "once at each cut"
    assert ablation(replace(black, out=tmp_path / "kept")) == 0
    assert len(taken) == len(cuts) * max(values)


def test_what_all_values_are_measured_by_is_measured_once(settings, monkeypatch, capsys):
    made, drawn = [], []
    ready, drawing = Yardstick.ready, ablations.scores_over
    monkeypatch.setattr(Yardstick, "ready", lambda *given: made.append(1) or ready(*given))
    monkeypatch.setattr(ablations, "scores_over", lambda *given: drawn.append(drawing(*given)) or drawn[-1])
    assert ablation(replace(settings, over="iterations", values=(2, 40), cuts=("stem",))) == 0
    written = json.loads(settings.json.read_text())
    assert made == [1]
    assert written["rows"][0]["thumbnail"]["side"] <= written["rows"][1]["thumbnail"]["side"]
    for axes, metric in zip(drawn[0].axes, ("ssim", "psnr"), strict=True):
        (line,) = (line for line in axes.lines if line.get_label() == "blind attacker")
        assert set(line.get_ydata()) == {written["blind"]["best"][metric]["mean"]}
    said = " ".join(capsys.readouterr().out.split())
    assert "blind any 2 nothing" in said
    assert "stem: strongest is pixels-white" in said
