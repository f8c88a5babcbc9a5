from __future__ import annotations

from keyhole.service.errors import unknown_name


def test_the_nearest_names_are_given() -> None:
    assert str(unknown_name("cut", "layr2", ["layer1", "layer2", "fc"])) == (
        "unknown cut 'layr2': did you mean layer2 or layer1?"
    )


def test_all_names_are_given_where_none_is_near() -> None:
    assert str(unknown_name("cut", "zebra", ["layer1", "fc"])) == "unknown cut 'zebra': expected one of layer1, fc"
