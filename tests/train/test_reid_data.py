"""Which pictures re-identification trains on and is tested on, and the command on them."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

import keyhole
from keyhole.data import open_collection
from keyhole.data.identities import IdentifiedPictures, identities_of, numbered
from keyhole.data.in_memory import cached_pictures, drawing_key
from keyhole.data.sets.collection import PictureFacts
from keyhole.data.streetcam import Streetcam
from keyhole.data.streetcam.stream import Passes
from keyhole.evaluation.reidentification import Trials, read_parts
from keyhole.service.errors import UsageError
from keyhole.targets import TargetError, load_target, read_card
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.reid_data import open_parts
from tests.train.making import PREPROCESS, boards, files, trial


def settings(data: str | Path, out: Path, **flags: object) -> TrainSettings:
    return TrainSettings(data=str(data), out=out, task="re-identification", **flags)  # type: ignore[arg-type]


def test_identities_of_a_folder_are_held_out(tmp_path: Path) -> None:
    files(tmp_path / "private", boards(20, 4, seed=0))
    files(tmp_path / "public", boards(2, 1, seed=1))
    parts = open_parts(settings(tmp_path, tmp_path, held_out=3, probes=2))
    report = parts.report
    seen, unseen = set(identities_of(parts.train)), identities_of(report.pictures)
    assert (len(seen), len(set(unseen)), len(parts.train)) == (7, 3, 28)
    assert seen.isdisjoint(unseen)
    assert parts.selection is None
    assert sorted((*report.probes, *report.gallery)) == list(range(12))
    assert sorted(unseen[place] for place in report.probes) == sorted(2 * sorted(set(unseen)))
    again, other = (open_parts(settings(tmp_path, tmp_path, held_out=3, probes=2, seed=seed)).report for seed in (0, 1))
    assert (identities_of(again.pictures), again.probes) == (unseen, report.probes)
    assert identities_of(other.pictures) != unseen
    attacked = set(identities_of(open_collection(str(tmp_path), "audit")))
    assert len(attacked) == 10
    assert attacked.isdisjoint(seen | set(unseen))
    whole = open_parts(settings(tmp_path, tmp_path, part="all", held_out=3))
    assert len(set(identities_of(whole.train))) == 17


@pytest.mark.parametrize(("held_out", "counts"), [(4, (2, 2)), (7, (5, 2)), (9, (6, 3))])
def test_what_is_chosen_by_is_not_what_is_reported(held_out: int, counts: tuple[int, int], tmp_path: Path) -> None:
    files(tmp_path, boards(20, 3, seed=0))
    parts = open_parts(settings(tmp_path, tmp_path, part="all", held_out=held_out, probes=2))
    assert parts.selection is not None
    thirds = [set(identities_of(some)) for some in (parts.report.pictures, parts.selection.pictures, parts.train)]
    assert tuple(map(len, thirds)) == (*counts, 20 - held_out)
    assert len(set().union(*thirds)) == 20
    assert len(parts.selection.probes) == 2 * counts[1]


def test_an_owners_queries_are_not_chosen_by(tmp_path: Path) -> None:
    people = [*((number, "train") for number in range(30)), *((number, "query") for number in range(30, 34))]
    for number, split in people:
        for camera, folder in (("c001", split), ("c002", "train" if split == "train" else "test")):
            path = tmp_path / f"image_{folder}" / f"{number:04d}_{camera}_0_0.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
    parts = open_parts(settings(f"veri:{tmp_path}", tmp_path))
    assert parts.selection is not None
    thirds = [set(identities_of(some)) for some in (parts.report.pictures, parts.selection.pictures, parts.train)]
    assert [len(third) for third in thirds] == [4, 3, 27]
    assert len(set().union(*thirds)) == 34


def test_an_epoch_shows_the_selection_and_the_card_tells_of_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files(tmp_path / "people", boards(8, 4, seed=0))
    flags = {"size": 16, "stages": ("16:1",), "batch": 8, "held_out": 5, "workers": 0}
    assert train(settings(tmp_path / "people", tmp_path / "out", part="all", **flags)) == 0
    card = read_card(tmp_path / "out")
    assert (card.figures["identities"], card.figures["selection_identities"]) == (3, 2)
    assert (card.figures["pictures"], card.figures["selection_pictures"]) == (12, 8)
    assert {"rank_1", "rank_1_selection", "mAP_selection", "rank_1_selection_fp32"} <= card.figures.keys()
    printed = capsys.readouterr().out
    assert "reported of 3 others, to be chosen by 2 that are in neither" in printed


def test_each_trial_is_told_of_by_its_own_pictures() -> None:
    """A network that knows the selection and not the report is told of as such."""
    known, unknown = trial(boards(4, 3, seed=1), 3), trial(boards(4, 3, seed=2), 3)

    class Memory(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.seen = PREPROCESS(known.data.pictures.float() / 255)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            met = (inputs[:, None] == self.seen[None]).flatten(2).all(2)
            own = torch.nn.functional.one_hot(known.data.identities).float()
            return torch.where(met.any(1, keepdim=True), met.float() @ own, torch.ones(len(inputs), 4))

    figures = Trials(selection=known, report=unknown).figures(Memory(), PREPROCESS)
    assert figures["rank_1_selection"] == 100
    assert figures["mAP"] < 100
    assert Trials(selection=known, report=unknown).assess(Memory(), PREPROCESS) == "rank-1 100.0 %, mAP 100.0 %"


def test_streetcam_is_tested_on_vehicles_of_another_pool(tmp_path: Path) -> None:
    parts = open_parts(settings("streetcam", tmp_path, identities=3, views=2, held_out=2, size=64))
    assert parts.selection is not None
    thirds = [parts.train, parts.report.pictures, parts.selection.pictures]
    assert [len(pictures) for pictures in thirds] == [6, 4, 4]
    assert len(set().union(*map(identities_of, thirds))) == 3 + 2 + 2
    assert isinstance(parts.train, Passes)
    assert (parts.train.source.pool, parts.train.source.size) == ("private-train", 64)


def test_the_owners_queries_and_gallery_are_used(tmp_path: Path) -> None:
    names = {"train": ("0001_c001_0_0", "0001_c002_0_0"), "query": ("0002_c001_0_0",), "test": ("0002_c003_0_0",)}
    for split, stems in names.items():
        for stem in stems:
            path = tmp_path / f"image_{split}" / f"{stem}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
    parts = open_parts(settings(f"veri:{tmp_path}", tmp_path))
    assert (len(parts.train), parts.report.probes, parts.report.gallery) == (2, (0,), (1,))
    assert [parts.report.pictures.facts(place).camera for place in (0, 1)] == ["c001", "c003"]


def test_too_few_pictures_or_identities(tmp_path: Path) -> None:
    files(tmp_path / "single", boards(5, 1, seed=0))
    with pytest.raises(ValueError, match="each of 5 identities has one picture"):
        open_parts(settings(tmp_path / "single", tmp_path, part="all"))
    files(tmp_path / "few", boards(3, 2, seed=0))
    with pytest.raises(ValueError, match="at least 2 must be held out and 2 left"):
        open_parts(settings(tmp_path / "few", tmp_path, part="all"))
    with pytest.raises(ValueError, match="0 probes"):
        open_parts(settings("streetcam", tmp_path, views=2, identities=2, held_out=2, probes=0))


def test_folders_that_are_splits_are_no_identities(tmp_path: Path) -> None:
    for name in ("bounding_box_train/0001_c1.png", "bounding_box_test/0002_c1.png", "query/0002_c2.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"3 of 3 pictures show no known identity: .*splits.*market1501:PATH"):
        open_parts(settings(tmp_path, tmp_path, part="all"))
    with pytest.raises(ValueError, match="1 of 1 pictures show no known identity"):
        open_parts(settings(tmp_path, tmp_path))


def test_pictures_that_cannot_be_read_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files(tmp_path / "people", boards(4, 3, seed=0))
    parts = open_parts(settings(tmp_path / "people", tmp_path, part="all", held_out=2))
    gone = sorted((tmp_path / "people").rglob("*.png"))[::3]
    for path in gone:
        path.write_bytes(b"<html>")
    read = {"workers": 0, "folder": tmp_path, "console": Console(quiet=True)}
    train, trials = read_parts(parts, 8, **read)
    trial = trials.report
    assert trial is not None
    assert (len(train.pictures), len(trial.data.pictures)) == (4, 4)
    assert train.identities.tolist() == [0, 0, 1, 1]
    assert set(trial.probes).isdisjoint(trial.gallery)
    assert len(trial.probes) + len(trial.gallery) == 4
    for path in gone:
        assert caplog.text.count(f"{path}: not a picture") == 1
    for path in (tmp_path / "people").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="none of 6 pictures can be read"):
        read_parts(parts, 8, **read)


def test_unknown_cameras_count_as_all_different() -> None:
    facts = [
        PictureFacts(identity=who, camera=where) for who, where in (("b", "x"), ("a", None), ("b", "x"), ("b", None))
    ]
    identities, cameras = numbered(facts)
    assert identities.tolist() == [1, 0, 1, 1]
    assert cameras[0] == cameras[2]
    assert len(cameras.unique()) == 3


def test_drawn_pictures_are_kept_by_what_decides_them(tmp_path: Path) -> None:
    passes = Passes(Streetcam("private-train", 64), vehicles=2, views=2)
    load = {"workers": 1, "folder": tmp_path / "cache", "console": Console(quiet=True)}
    drawn = IdentifiedPictures.load(passes, 48, **load)
    assert drawn.pictures.shape == (4, 3, 48, 48)
    assert drawn.identities.tolist() == [0, 0, 1, 1]

    def never() -> torch.Tensor:
        raise AssertionError

    assert torch.equal(cached_pictures(passes, 48, tmp_path / "cache", never), drawn.pictures)
    others = [
        (Passes(Streetcam("private-test", 64), 2, 2), 48),
        (Passes(Streetcam("private-train", 64, seed=1), 2, 2), 48),
        (Passes(Streetcam("private-train", 64), 2, 3), 48),
        (passes, 64),
    ]
    assert len({drawing_key(passes, 48), *(drawing_key(*other) for other in others)}) == 5


def test_the_command_leaves_a_target_that_answers_with_an_embedding(tmp_path: Path) -> None:
    data, out = tmp_path / "people", tmp_path / "weights" / "resnet18-people"
    files(data, boards(6, 4, seed=0))
    assert train(settings(data, out, part="all", size=32, stages=("16:1", "32:1"), batch=8, held_out=2, workers=0)) == 0
    card = read_card(out)
    assert (card.task, card.embedding, card.labels) == ("re-identification", 512, ())
    shares = {"rank_1", "rank_5", "rank_10", "mAP", "mINP"}
    assert card.figures.keys() == {*shares, *(f"{name}_fp32" for name in shares), "identities", "pictures", "probes"}
    assert (card.figures["identities"], card.figures["pictures"], card.figures["probes"]) == (2, 8, 2)
    assert card.recipe["margin"] == 0.3
    target = load_target("resnet18-people", shipped=out.parent)
    assert (target.outputs, target.labels, target.preprocess.size) == (512, (), 32)
    assert load_target("resnet18", out / "model.safetensors", size=32).hash == target.hash
    parts = keyhole.split(target, "layer2")
    pictures = torch.randn(3, 3, 32, 32)
    assert torch.equal(parts.tail(parts.head(pictures)), target.model(pictures))
    assert json.loads((out / "card.json").read_text())["embedding"] == 512


def test_a_target_for_pictures_that_are_not_square(tmp_path: Path) -> None:
    data, out = tmp_path / "people", tmp_path / "weights" / "resnet18-people"
    files(data, boards(6, 4, seed=0))
    flags = {"part": "all", "size": (32, 16), "stages": ("8:1", "16:1"), "batch": 8, "held_out": 2, "workers": 0}
    assert train(settings(data, out, **flags)) == 0
    target = load_target("resnet18-people", shipped=out.parent)
    assert (read_card(out).size, target.preprocess.size) == ((32, 16), (32, 16))
    assert target.preprocess(torch.rand(3, 40, 40)).shape == (3, 32, 16)
    assert keyhole.split(target, "layer2").plan.tensors[0].shape == (1, 128, 4, 2)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"architecture": "resnet-18"}, "unknown architecture 'resnet-18' .*nearest: .*resnet18"),
        ({"architecture": "jax:resnet18"}, "expected a name of torchvision, or one after timm:, conv-stem:, narrow:, "),
        ({"architecture": "squeezenet1_0"}, "does not end in a linear classifier"),
        (
            {"architecture": "timm:vit_tiny_patch16_224", "size": 32, "stages": ("64:3",)},
            "cannot take a picture of 64×64.*--size 32 --stages 32:3",
        ),
        (
            {"architecture": "conv-stem:vit_tiny_patch16_224", "size": 32, "stages": ("64:3",)},
            "cannot take a picture of 64×64.*--size 32 --stages 32:3",
        ),
        ({"size": 32, "stages": ("32:1",)}, "a batch of 64 needs 16 identities"),
        ({"stages": ("big",)}, "expected SIDE:EPOCHS"),
    ],
)
def test_settings_that_cannot_be_trained_with(flags: dict[str, object], message: str, tmp_path: Path) -> None:
    files(tmp_path / "people", boards(6, 4, seed=0))
    with pytest.raises(ValueError, match=message):
        train(settings(tmp_path / "people", tmp_path / "out", part="all", workers=0, **flags))


def test_a_folder_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    files(tmp_path / "people", boards(6, 4, seed=0))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    flags = {"size": 32, "stages": ("16:1",), "batch": 8, "held_out": 2}
    with pytest.raises(UsageError, match="no training that Keyhole marked"):
        train(settings(tmp_path / "people", tmp_path / "out", part="all", workers=0, **flags))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_classification_takes_no_unknown_architecture(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="unknown architecture"):
        train(TrainSettings(data=str(tmp_path), out=tmp_path / "out", architecture="resnet19"))
