"""Pictures of an inversion: whose they are, how many, and under which labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from keyhole.data import public_set
from keyhole.data.labelled import LabelledPictures
from keyhole.data.public_set import pictures_hash
from keyhole.data.sets.collection import ListedPicture, Listing, PictureFacts
from keyhole.data.streetcam.pools import identity_range
from keyhole.data.streetcam.stream import Passes, Streetcam
from keyhole.evaluation.classes.pictures import read_public, relabelled
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.evaluation.classes.world import told_accuracy
from keyhole.service.errors import UsageError
from keyhole.targets.stored_weights import Card, save_card
from keyhole.terminal import terminal

QUIET = terminal(quiet=True)


def test_streetcams_public_pictures_are_of_the_shifted_pool_and_as_many_as_asked_for(tmp_path: Path) -> None:
    settings = InvertSettings("none", public_n=5, workers=0)
    shown = read_public(settings, 64, (), tmp_path, QUIET)
    assert shown.shape == (5, 3, 64, 64)
    drawn = Passes(Streetcam("public-shifted", 64), 2, 4)
    expected = torch.stack([drawn[at].picture for at in range(5)]).float() / 255
    assert torch.equal(shown, expected)
    assert pictures_hash(shown) == pictures_hash(expected)
    assert pictures_hash(shown) != pictures_hash(expected.flip(0))


def test_a_pool_that_holds_private_vehicles_is_refused(tmp_path: Path) -> None:
    private = (str(identity_range("private-train")[0]),)
    settings = InvertSettings("none", public_n=2, workers=0, public_part="private-train")
    with pytest.raises(UsageError, match=r"shows 1 of the private classes"):
        read_public(settings, 64, private, tmp_path, QUIET)
    with pytest.raises(UsageError, match=r"streetcam has the pools .*public-shifted"):
        read_public(InvertSettings("none", public_part="abroad"), 64, private, tmp_path, QUIET)


def test_a_set_that_has_labels_alone_is_refused_where_one_is_a_private_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As birds and breeds are: their pictures have a class, and no identity."""
    grey = torch.full((3, 8, 8), 90, dtype=torch.uint8)
    birds = Listing(
        tuple(ListedPicture(str(at), "train", lambda: grey, PictureFacts(at)) for at in (0, 2)), tuple("abc")
    )
    monkeypatch.setattr(public_set, "open_collection", lambda *_: birds)
    settings = InvertSettings("none", public="birds", workers=0)
    assert len(read_public(settings, 8, ("b",), tmp_path, QUIET)) == 2
    with pytest.raises(UsageError, match=r"shows 1 of the private classes, such as 'c'"):
        read_public(settings, 8, ("b", "c"), tmp_path, QUIET)


def test_a_folder_with_a_wordnet_number_is_the_class_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "shown" / "n0123_red_fox").mkdir(parents=True)
    transform.to_pil_image(torch.zeros(3, 8, 8)).save(tmp_path / "shown" / "n0123_red_fox" / "0.png")
    settings = InvertSettings("none", public=str(tmp_path / "shown"), public_part="all", workers=0)
    with pytest.raises(UsageError, match="such as 'red fox'"):
        read_public(settings, 8, ("red fox",), tmp_path, QUIET)


def test_labels_are_the_targets_by_name_and_strangers_are_left_out() -> None:
    pictures = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    names = ("n0123_red_fox", "owl", "toad")
    read = LabelledPictures(pictures, torch.tensor([2, 1, 0, 1]), names)
    found = relabelled(read, ("owl", "red fox"), "somewhere")
    assert found.labels.tolist() == [0, 1, 0]
    assert found.pictures[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert found.names == ("owl", "red fox")
    with pytest.raises(UsageError, match="none of the target's, such as 'cat'"):
        relabelled(read, ("cat",), "somewhere")


@pytest.mark.parametrize(
    ("recipe", "flags", "told"),
    [
        ({}, {}, 84.5),
        ({"method": "bido", "defence": "none"}, {}, 84.5),
        ({"method": "noise-aware", "defence": "gaussian:scale=1"}, {}, None),
        ({}, {"size": 64}, None),
        ({}, {"weights": "other.safetensors"}, None),
    ],
)
def test_a_card_tells_the_accuracy_of_its_own_weights_without_a_defence_at_run_time(
    tmp_path: Path, recipe: dict[str, str], flags: dict[str, object], told: float | None
) -> None:
    plain = (0.0, 0.0, 0.0)
    facts = ("mine", "narrow:resnet18-16", "people", "none", recipe, 0, {"top1": 84.5}, "", 32, plain, plain)
    save_card(Card(*facts, labels=("ada", "bob"), sha256=""), tmp_path)
    assert told_accuracy(InvertSettings(f"defended:{tmp_path}", **flags)) == told
    assert told_accuracy(InvertSettings("narrow:resnet18-16")) is None
