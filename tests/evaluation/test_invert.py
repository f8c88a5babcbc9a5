"""`keyhole invert` in a tiny world: what it makes, keeps, judges and says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.chosen import chosen_classes, whole_classes
from keyhole.evaluation.classes import making
from keyhole.evaluation.classes.command import invert
from keyhole.evaluation.classes.settings import InvertSettings, attack_words
from keyhole.service.errors import UsageError
from tests.evaluation.tiny_inversion import MINE, NAMES, write_pictures

METRICS = ("psnr", "ssim")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> InvertSettings:
    private, public = write_pictures(tmp_path_factory.mktemp("world"))
    return InvertSettings(
        target=f"{MINE}:target",
        attacks=("latent", f"{MINE}:Fooling"),
        per_class=2,
        private=str(private),
        public=str(public),
        public_part="all",
        judge=f"{MINE}:Where",
        evaluator=f"{MINE}:evaluator",
        metrics=METRICS,
        batch=5,
        device="cpu",
        workers=0,
    )


@pytest.fixture(scope="module")
def run(settings: InvertSettings, tmp_path_factory: pytest.TempPathFactory) -> tuple[InvertSettings, dict]:
    """A whole run, and its JSON."""
    out = tmp_path_factory.mktemp("out")
    asked = replace(
        settings, out=out / "made", json=out / "run.json", sheet=out / "sheet.png", plot=out / "plot.png", seed=1
    )
    assert invert(asked) == 0
    return asked, json.loads((out / "run.json").read_text())


def rows(document: dict) -> dict[str, dict]:
    return {row["attack"]: row for row in document["rows"]}


def figure(row: dict, name: str) -> float:
    return row["figures"][name]["mean"]


def test_the_judge_recognises_what_an_attack_reconstructs_and_not_what_only_fools_the_classifier(
    run: tuple[InvertSettings, dict],
) -> None:
    _, document = run
    latent, fooling = (rows(document)[name] for name in ("latent", f"{MINE}:Fooling"))
    assert figure(latent, "top1") >= 0.8
    assert figure(latent, "evaluator_top1") >= 0.8
    assert figure(fooling, "target_confidence") > 0.95  # sure, and wrong
    assert figure(fooling, "top1") <= 0.5
    assert figure(latent, "knn_distance_judge") < figure(fooling, "knn_distance_judge")
    assert figure(latent, "psnr") > figure(fooling, "psnr")


def test_rows_of_public_pictures_chance_and_real_pictures_stand_beside(run: tuple[InvertSettings, dict]) -> None:
    _, document = run
    found = rows(document)
    assert {"public-best", "public-mean-best", "public-mean", "public-random"} < set(found)
    assert (document["guessing"]["top1"], document["guessing"]["top5"]) == (1 / 6, 5 / 6)
    assert document["guessing"]["verified"] < figure(document["real"], "verified")
    assert figure(document["real"], "top1") == 1.0
    assert figure(document["real"], "verified") > 0.5 > figure(found["public-random"], "verified")
    assert figure(found["public-mean"], "top1") == pytest.approx(1 / 6)  # one picture is of one class
    best = max(figure(row, "top1") for row in found.values() if row["public_pictures_alone"])
    floor = found["latent"]["above_floor"]
    assert figure(found[floor["row"]], "top1") == best
    assert floor["mean"] == pytest.approx(figure(found["latent"], "top1") - best)
    above = found["latent"]["above_public_best"]
    assert above["mean"] == pytest.approx(figure(found["latent"], "top1") - figure(found["public-best"], "top1"))


def test_intervals_are_over_classes(run: tuple[InvertSettings, dict]) -> None:
    _, document = run
    for row in document["rows"]:
        by_class = {name: [p["top1"] for p in row["pictures"] if p["class"] == name] for name in NAMES}
        assert all(len(values) == 2 for values in by_class.values())
        means = [sum(values) / 2 for values in by_class.values()]
        assert figure(row, "top1") == pytest.approx(sum(means) / 6)
        low, high = row["figures"]["top1"]["ci95"]
        assert low <= sum(means) / 6 <= high
        if set(means) == {0.0}:
            assert high == pytest.approx(1.96**2 / (6 + 1.96**2), abs=1e-3)  # Wilson's of 0 of 6
        if set(means) == {1.0}:
            assert low == pytest.approx(6 / (6 + 1.96**2), abs=1e-3)


def test_what_each_picture_asked_of_the_classifier_is_told(run: tuple[InvertSettings, dict]) -> None:
    asked, document = run
    assert asked.out
    found = rows(document)
    latent = found["latent"]
    assert latent["classifier_pictures_per_picture"] == 60  # a view in each of its steps
    assert latent["unet_passes_per_picture"] == 0
    assert latent["seconds_per_picture"] > 0
    assert {found[name]["classifier_pictures_per_picture"] for name in ("public-best", "public-random")} == {0}
    spent = json.loads((asked.out / "latent" / "spent.json").read_text())
    assert spent["asked"] == 60 * spent["pictures"]
    assert spent["pictures"] >= 12


def test_pictures_are_kept_by_attack_and_class_and_a_second_run_makes_none(
    run: tuple[InvertSettings, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, document = run
    assert asked.out
    kept = asked.out / "latent" / "0001-person-b" / "1.png"
    with Image.open(kept) as picture:
        assert picture.size == (16, 16)
    lost = asked.out / "latent" / "0004-person-e" / "0.png"
    before = lost.read_bytes()
    lost.unlink()
    wanted: list[list[tuple[int, int]]] = []
    real = making._last

    def counted(attack, part, *rest):
        wanted.append(list(part))
        return real(attack, part, *rest)

    monkeypatch.setattr(making, "_last", counted)
    again = replace(asked, json=asked.out.parent / "again.json", sheet=None, plot=None, batch=1)
    assert invert(again) == 0
    assert wanted == [[(4, 0)]]
    assert lost.read_bytes() == before  # alone as beside others
    second = json.loads((asked.out.parent / "again.json").read_text())
    for row in document["rows"] + second["rows"]:
        row.pop("seconds_per_picture")
    assert second == document


def test_pictures_that_were_made_otherwise_are_not_taken(run: tuple[InvertSettings, dict]) -> None:
    asked, _ = run
    with pytest.raises(UsageError, match=r"made otherwise \(.*seed 1, now 2"):
        invert(replace(asked, seed=2))


def test_pictures_of_other_hyper_parameters_are_not_taken_and_those_of_an_earlier_version_are(
    run: tuple[InvertSettings, dict],
) -> None:
    asked, _ = run
    assert asked.out
    kept = asked.out / "latent" / "inversion.json"
    before = kept.read_text()
    facts = json.loads(before)
    assert facts["recipe.settings.optimiser.rate"] == 0.05
    again = replace(asked, json=None, sheet=None, plot=None, attacks=("latent",))
    kept.write_text(json.dumps({**facts, "recipe.settings.optimiser.rate": 0.1}))
    with pytest.raises(UsageError, match=r"made otherwise \(recipe\.settings\.optimiser\.rate 0\.1, now 0\.05\)"):
        invert(again)
    earlier = json.dumps({name: fact for name, fact in facts.items() if not name.startswith("recipe.")})
    kept.write_text(earlier)
    assert invert(again) == 0
    assert kept.read_text() == earlier  # what made them is not claimed afterwards
    kept.write_text(before)


def test_sheet_and_plot_are_pictures(run: tuple[InvertSettings, dict]) -> None:
    asked, _ = run
    for path in (asked.sheet, asked.plot):
        assert path
        with Image.open(path) as drawn:
            drawn.load()
            assert min(drawn.size) > 200


def test_what_is_printed_says_what_counts(
    settings: InvertSettings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert invert(replace(settings, classes=("0-1",), per_class=1, attacks=("latent/random",), evaluator=None)) == 0
    printed = capsys.readouterr().out
    flat = " ".join(printed.split())
    assert "…" not in printed  # a terminal of 80 columns holds it all
    assert "guessing" in printed
    assert "real" in printed
    assert "no success" in flat
    assert "2 classes are too few" in flat
    assert "that says nothing of whom they show" in flat


def test_what_a_defence_takes_is_told_against_an_earlier_run(
    run: tuple[InvertSettings, dict], capsys: pytest.CaptureFixture[str]
) -> None:
    asked, _ = run
    assert asked.json
    document = json.loads(asked.json.read_text())
    rows(document)["latent"]["classes"][NAMES[0]]["top1"] = 0.0  # there the earlier target gave nothing away
    document["natural_accuracy"] += 0.1
    earlier = asked.json.with_name("earlier.json")
    earlier.write_text(json.dumps({**document, "target": "undefended"}))
    assert invert(replace(asked, json=None, sheet=None, plot=None, against=earlier)) == 0
    said = " ".join(capsys.readouterr().out.split())
    lost = -rows(json.loads(asked.json.read_text()))["latent"]["classes"][NAMES[0]]["top1"] / 6
    assert "Against undefended" in said
    assert f"latent loses {100 * lost:.1f} [" in said
    assert f"for 10.0 points of natural accuracy: Δ {lost / 0.1:.2f}." in said
    document["real"]["figures"]["target_top1"]["mean"] += 0.05
    document.pop("natural_accuracy")  # as of a version that did not tell it
    earlier.write_text(json.dumps(document))
    assert invert(replace(asked, json=None, sheet=None, plot=None, against=earlier)) == 0
    assert "for 5.0 points of natural accuracy" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="its iterations differ"):
        invert(replace(asked, iterations=3, against=earlier, out=None))
    with pytest.raises(UsageError, match="its classes, per_class, private_pictures differ"):
        invert(replace(asked, classes=("0",), per_class=1, against=earlier, out=None))
    earlier.write_text("{}")
    with pytest.raises(UsageError, match="expected the --json of another"):
        invert(replace(asked, against=earlier))


def test_natural_accuracy_is_of_all_classes_whichever_are_attacked(settings: InvertSettings, tmp_path: Path) -> None:
    found = []
    for classes in (("0",), ("3-4",)):
        asked = replace(
            settings, attacks=("public-mean",), classes=classes, target=f"{MINE}:forgetful", json=tmp_path / "a.json"
        )
        assert invert(asked) == 0
        found.append(json.loads((tmp_path / "a.json").read_text()))
    assert [run["natural_accuracy"] for run in found] == [pytest.approx(5 / 6)] * 2
    assert [figure(run["real"], "target_top1") for run in found] == [0.0, 1.0]


def test_public_pictures_of_a_private_class_are_refused(settings: InvertSettings) -> None:
    with pytest.raises(UsageError, match=r"shows 6 of the private classes, such as 'person a'"):
        invert(replace(settings, public=settings.private))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"attacks": ("latnt",)}, "did you mean latent"),
        ({"classes": ("7",)}, "numbers from 0 to 5"),
        ({"evaluator": f"{MINE}:stranger"}, "does not know 6 of the target's 6 classes"),
        ({"evaluator": f"{MINE}:target"}, "is the classifier under attack"),
        ({"target": f"{MINE}:stranger", "evaluator": None}, "are none of the target's"),
        ({"attacks": (f"{MINE}:Careless",)}, "expected 4 pictures"),
        ({"loss": "cee"}, "unknown loss"),
        ({"per_class": 0}, "--per-class 0: expected 1 or more"),
        ({"judge": "nobody"}, "expected mobilefacenet.npz"),
    ],
)
def test_what_no_run_can_use_is_said(settings: InvertSettings, changed: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        invert(replace(settings, **changed))


def test_classes_are_named_by_number_range_and_name() -> None:
    assert chosen_classes((), NAMES, 4) == (0, 1, 2, 3)
    assert chosen_classes(("4-5", "person b", "4"), NAMES, 4) == (4, 5, 1)
    for word in ("3-1", "person", "-1", "2-9"):
        with pytest.raises(UsageError, match="numbers from 0 to 5"):
            chosen_classes((word,), NAMES, 4)


def test_rows_of_public_pictures_are_always_there(settings: InvertSettings) -> None:
    words = attack_words(replace(settings, attacks=("all", "public-best")), ("latent", "guided"))
    assert words == ("latent", "guided", "public-best", "public-mean-best", "public-mean", "public-random")


def test_a_batch_divides_no_class_that_fits() -> None:
    wanted = Wanted.each([0, 1, 2], 3)
    assert list(whole_classes(wanted, range(9), 7)) == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]
    assert list(whole_classes(wanted, [1, 2, 4, 8], 3)) == [[1, 2, 4], [8]]
    assert list(whole_classes(wanted, range(9), 2)) == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]
