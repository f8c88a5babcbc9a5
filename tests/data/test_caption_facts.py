"""Facts that captions tell: those of streetcam agree with what was drawn."""

from __future__ import annotations

from keyhole.data import open_collection
from keyhole.data.caption_facts import FACTS, CaptionFact
from keyhole.data.streetcam.identity import vehicle
from keyhole.data.streetcam.pools import identity_range
from keyhole.data.streetcam.stream import Streetcam

_BODY, _COLOUR, _WEATHER, _SCENE = FACTS["streetcam"]


def test_streetcams_captions_tell_what_is_drawn() -> None:
    source = Streetcam("public", size=64)
    bodies = {"suv": "SUV", "pickup": "pickup truck"}
    for place in range(60):
        car = vehicle(0, identity_range("public")[place])
        caption = source.caption_of(place, place % 24)
        assert _BODY.value(caption) == bodies.get(car.body, car.body)
        assert _COLOUR.value(caption) == car.colour
    for index in range(12):
        shot = source.item(index)
        assert _SCENE.value(shot.caption) == shot.scene
        assert _WEATHER.value(shot.caption) == (None if shot.scene == "garage" else shot.weather)


def test_every_value_is_told_by_some_caption() -> None:
    listing = open_collection("streetcam", "public")
    captions = [listing.facts(index).caption or "" for index in range(0, 3000, 3)]
    for fact in FACTS["streetcam"]:
        assert {fact.value(caption) for caption in captions} - {None} == set(fact.values)


def test_a_caption_is_restated_with_another_value() -> None:
    caption = "a two-tone light blue pickup truck on a city street in falling snow by day, seen from the front"
    assert _BODY.restated(caption, "estate") == caption.replace("pickup truck", "estate")
    assert _COLOUR.restated("a light blue van", "orange") == "an orange van"
    assert _WEATHER.restated(caption, "clear") == caption.replace(" in falling snow", "")
    assert _WEATHER.restated(caption.replace(" in falling snow", ""), "fog") is None
    assert CaptionFact("size", {"large": "large"}).value("a van") is None
