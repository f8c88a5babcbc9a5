from __future__ import annotations

from collections import Counter

import pytest
import torch

from keyhole.data.sample import SecretLabels
from keyhole.data.streetcam.keyed_random import Draw
from keyhole.data.streetcam.occupants import occupants
from keyhole.data.streetcam.pools import identity_range
from keyhole.data.streetcam.shot import DRIVER, MOST_FREQUENT
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.reading import identity_rank_1, near_head, near_plate, read_secrets, streetcam_views
from keyhole.judge.recovery import GLYPH_CHANCE, AttributeScore, Recovery, Share, attribute_score, summarise
from keyhole.metrics.interval import share_interval
from tests.judge.making import LABELS, Parrot, labels


def test_only_what_the_truth_shows_large_enough_is_asked() -> None:
    far = labels(plate_corners=((10, 10), (30, 10), (30, 15), (10, 15)), driver_box=(3, 3, 8, 8), passenger_box=None)
    parrot = Parrot()
    near, nothing, blank = read_secrets(parrot, torch.rand(3, 3, 32, 32), [LABELS, far, SecretLabels()])
    assert near.plate == ("AB12CD", "AB12XX")
    assert near.glyphs == (4, 6)
    assert near.attributes == {"hat": ("cap", "cap"), "hair": ("red", "black"), "passenger": ("no", "no")}
    assert nothing.empty
    assert blank.empty
    assert nothing.glyphs == (0, 0)
    assert parrot.asked == [(1, 4, 2), (1, 4), (1, 4)]


def test_nothing_near_means_that_nobody_is_asked() -> None:
    parrot = Parrot()
    assert read_secrets(parrot, torch.rand(1, 3, 32, 32), [SecretLabels()])[0].empty
    assert parrot.asked == []


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 pictures and the secrets of 1"):
        read_secrets(Parrot(), torch.rand(2, 3, 8, 8), [LABELS])
    with pytest.raises(ValueError, match="not in \\[0, 1\\]"):
        read_secrets(Parrot(), torch.full((1, 3, 8, 8), 2.0), [LABELS])
    with pytest.raises(ValueError, match="at least one"):
        attribute_score("hat", [])


def test_shares_are_those_counted_by_hand() -> None:
    recoveries = [
        Recovery(("AAAAAA", "AAAAAA"), {"hat": ("none", "none")}, True, 10),
        Recovery(("ABCDEF", "ABXXXX"), {"hat": ("none", "cap")}, False, 20),
        Recovery(None, {"hat": ("cap", "cap"), "cut": ("long", "short")}),
    ]
    found = summarise(recoveries)
    assert (found.glyphs, found.glyph_accuracy) == (12, 8 / 12)
    assert found.attributes == {"hat": AttributeScore(3, 2 / 3, 0.5), "cut": AttributeScore(1, 0.0, 0.5)}
    assert (found.identities, found.identity_rank_1, found.gallery_mean) == (2, 0.5, 15.0)
    assert pytest.approx(0.02778, abs=1e-5) == GLYPH_CHANCE


def test_of_nothing_asked_there_is_no_share() -> None:
    found = summarise([])
    assert (found.glyph_accuracy, found.identity_rank_1, found.gallery_mean) == (None, None, None)
    assert found.attributes == {}
    assert found.shares() == {}


def test_shares_count_all_attributes_together_as_often_as_each_was_asked() -> None:
    hats = [("cap", "cap"), ("cap", "none"), ("none", "none")]
    found = summarise(
        [Recovery(("ABCD12", "ABCD34"), {"hat": hat}, identified=True, gallery=20) for hat in hats]
        + [Recovery(None, {"hair": ("red", "red")}, identified=False, gallery=20)]
    ).shares()
    assert found == {
        "plate glyphs": Share(pytest.approx(4 / 6), GLYPH_CHANCE, 18),
        "driver": Share(pytest.approx(3 / 4), pytest.approx((3 * 0.5 + 3 / 11.5) / 4), 4),
        "vehicle": Share(0.75, 0.05, 4),
    }


def test_guessing_gets_what_the_population_gives_however_few_are_asked() -> None:
    one = summarise([Recovery(None, dict.fromkeys(MOST_FREQUENT, ("a", "b")))]).shares()["driver"]
    assert one.guessing == pytest.approx(sum(MOST_FREQUENT.values()) / 6)
    assert one.guessing < 0.5
    with pytest.raises(ValueError, match="shoes is no attribute of the population: skin, hair"):
        attribute_score("shoes", [("a", "a")])


def test_the_most_frequent_values_are_those_of_who_is_drawn() -> None:
    people = [occupants(Draw("people", number)) for number in range(4000)]
    drawn = {name: [getattr(who.driver, name) for who in people] for name in DRIVER}
    drawn["passenger"] = ["yes" if who.passenger else "no" for who in people]
    for name, values in drawn.items():
        assert Counter(values).most_common(1)[0][1] / 4000 == pytest.approx(MOST_FREQUENT[name], abs=0.03)


def test_rank_1_asks_for_the_nearest_enrolled_picture_by_cosine() -> None:
    gallery = {
        "a": torch.tensor([[1.0, 0.0], [0.0, -1.0]]),
        "b": torch.tensor([[0.0, 1.0]]),
        "c": torch.tensor([[-1.0, 0.0]]),
    }
    probes = torch.tensor([[5.0, 0.1], [0.9, 1.0], [0.1, 1.0], [-2.0, 1.9], [0.1, -7.0]])
    assert identity_rank_1(probes, ["a", "a", "b", "c", "a"], gallery) == 0.8


def test_a_plate_is_near_by_the_length_of_its_upper_edge() -> None:
    corners = LABELS.plate_corners
    assert near_plate(LABELS) == corners
    assert near_plate(LABELS, width=51) is None
    assert near_plate(labels(plate_legible=False)) is None
    assert near_plate(labels(plate="")) is None
    assert near_plate(labels(plate_corners=None)) is None


def test_corners_that_are_no_plates_are_never_near() -> None:
    a, b, c, d = ((0.0, 0.0), (50.0, 0.0), (50.0, 12.0), (0.0, 12.0))
    assert near_plate(labels(plate_corners=(a, b, c, d)))
    assert near_plate(labels(plate_corners=(b, a, d, c))) is None
    assert near_plate(labels(plate_corners=(a, b, b, d))) is None


def test_a_head_is_near_by_its_box() -> None:
    assert near_head((0, 0, 9, 9)) == (0, 0, 9, 9)
    assert near_head((0, 0, 8.9, 9)) is None
    assert near_head((9, 9, 0, 0)) is None
    assert near_head(None) is None


NUMBER = identity_range("audit")[5]


def test_a_vehicle_is_enrolled_from_all_sides_and_always_alike() -> None:
    views = streetcam_views(str(NUMBER))
    assert views is not None
    assert views.shape == (8, 3, 128, 128)
    assert (views.min() >= 0, views.max() <= 1) == (True, True)
    again = streetcam_views(str(NUMBER))
    assert again is not None
    assert torch.equal(views, again)
    assert (views[0] - views[2]).abs().mean() > 0.02


def test_its_pictures_are_those_of_no_stream() -> None:
    views = streetcam_views(str(NUMBER))
    assert views is not None
    streamed = Streetcam("audit").shot(5, 8)
    assert streamed.identity == NUMBER
    assert (views[0] - torch.from_numpy(streamed.picture).permute(2, 0, 1) / 255).abs().mean() > 0.02


@pytest.mark.parametrize("word", ["", "Ann", "-1", str(2**40)])
def test_of_others_there_are_no_pictures(word: str) -> None:
    assert streetcam_views(word) is None


@pytest.mark.parametrize(
    ("share", "recovered"),
    [
        (Share(0.75, 0.5, 400), 0.5),
        (Share(1.0, 1 / 36, 60), 1.0),
        (Share(0.4, 0.5, 400), 0.0),  # worse than by guessing
        (Share(0.52, 0.5, 400), 0.0),  # the interval reaches guessing
        (Share(1.0, 0.5, 4), 0.0),  # too few to tell
    ],
)
def test_what_is_read_as_by_guessing_is_no_share_recovered(share, recovered):
    assert share.recovered == pytest.approx(recovered)
    assert share.as_by_guessing == (recovered == 0)
    assert ("as by guessing" in share.text()) == (recovered == 0)


def test_the_interval_of_a_share_is_that_of_the_readings_behind_it():
    assert Share(0.75, 0.5, 400).interval == share_interval(300, 400)
