from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from keyhole.attacks import Suite
from keyhole.attacks.classes.registry import FLOORS
from keyhole.attacks.registry import ATTACKS, choose
from keyhole.bench.axes import (
    AccuracyCell,
    Axes,
    CutTarget,
    LatencyCell,
    LeakCell,
    PictureCell,
    ProfileCell,
    plan_cells,
)
from keyhole.bench.links import EmulatedLink, emulated_link
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.judge.examination import GALLERY
from keyhole.service.errors import UsageError
from keyhole.wire.link_profiles import link_profile

AXES = Axes(
    targets=(CutTarget("resnet18", ("layer1.0", "layer2.1", "layer3.0")), CutTarget("vit", ("blocks.2",))),
    defences=("none", "dropout:share=0.5"),
    codecs=("fp32", "int8", "int8+zstd"),
    links=("wifi", "lte", "3g"),
    attacks=("pixels-white", "pixels-black"),
    seeds=(0, 1),
)
DESIGNS = 4 * 2 * 3


def counts(axes: Axes) -> Counter[str]:
    return Counter(cell.kind for cell in plan_cells(axes))


def test_every_kind_has_the_cells_that_its_figures_depend_on():
    assert counts(AXES) == {
        "profile": DESIGNS + 2 * 3 + 2,
        "accuracy": 4 * 2 * 2 + 2 * 2 + 2,
        "latency": (DESIGNS + 2 * 3) * 3 + 2,
        "scale": 2,
        "leak": 4 * 2 * 2 * (1 + 2) + 2 * 2,
    }


def test_names_are_unique_and_the_same_each_time():
    names = [cell.name for cell in plan_cells(AXES)]
    assert len(set(names)) == len(names)
    assert names == [cell.name for cell in plan_cells(AXES)]


def test_more_links_measure_no_leak_and_no_accuracy_again():
    more = replace(AXES, links=(*AXES.links, "5g"))
    added = set(plan_cells(more)) - set(plan_cells(AXES))
    assert added
    assert {cell.kind for cell in added} == {"latency"}
    assert {cell.link for cell in added if isinstance(cell, LatencyCell)} == {"5g"}


def test_more_seeds_and_attacks_measure_no_latency_again():
    more = replace(AXES, seeds=(0, 1, 2), attacks=(*AXES.attacks, "decoder-white"))
    assert {cell.kind for cell in set(plan_cells(more)) - set(plan_cells(AXES))} == {"leak"}


def test_what_loses_nothing_leaks_and_answers_the_same():
    more = replace(AXES, codecs=(*AXES.codecs, "fp32+zstd"))
    assert {cell.kind for cell in set(plan_cells(more)) - set(plan_cells(AXES))} == {"latency", "profile"}


def test_baselines_have_all_but_attacks_and_of_pictures_that_are_sent_what_is_seen_of_them():
    found = [cell for cell in plan_cells(AXES) if cell.design.cut in (EDGE_ONLY, CLOUD_ONLY)]
    assert not any(isinstance(cell, LeakCell) for cell in found)
    assert {cell.design.defence for cell in found} == {"none"}
    alone = [cell for cell in found if cell.design.cut == EDGE_ONLY]
    assert [type(cell) for cell in alone].count(LatencyCell) == 2
    assert [type(cell) for cell in alone].count(AccuracyCell) == 2
    assert [type(cell) for cell in alone].count(ProfileCell) == 2
    sent = [cell.design for cell in found if isinstance(cell, PictureCell)]
    assert sent == [
        Design(target, CLOUD_ONLY, "none", codec) for target in ("resnet18", "vit") for codec in ("fp32", "int8")
    ]


def test_a_training_set_depends_on_neither_cut_nor_defence_nor_codec_nor_seed():
    asked = replace(AXES, class_attacks=("latent", "guided"), class_targets=("vit",))
    rows = ("real", *FLOORS, "latent", "guided")
    cells = [cell for cell in plan_cells(asked) if cell.kind == "training-set"]
    assert [(cell.target, cell.attack) for cell in cells] == [("vit", row) for row in rows]
    assert counts(asked) - counts(AXES) == {"training-set": len(rows)}
    grown = AXES.joined(asked).joined(replace(AXES, class_attacks=("ppa",), class_targets=("resnet18",)))
    assert (grown.class_attacks, grown.class_targets) == (("latent", "guided", "ppa"), ("vit", "resnet18"))


def test_only_some_kinds():
    assert {cell.kind for cell in plan_cells(AXES, ("accuracy", "profile"))} == {"accuracy", "profile"}
    assert {cell.kind for cell in plan_cells(AXES, ("scale",))} == {"scale"}


def test_leaks_come_with_the_scales_that_they_are_told_on_and_after_them():
    kinds = [cell.kind for cell in plan_cells(AXES, ("leak",))]
    assert kinds[:3] == ["scale", "scale", "leak"]
    assert kinds.count("scale") == len(AXES.targets)


def test_only_attacks_that_train_a_network_are_run_with_every_seed():
    attacks = ("pixels-white", "decoder-white/refined", "pixels-black")
    cells = [cell for cell in plan_cells(replace(AXES, attacks=attacks, seeds=(3, 1))) if isinstance(cell, LeakCell)]
    assert {attack: sorted({cell.seed for cell in cells if cell.attack == attack}) for attack in attacks} == {
        "pixels-white": [3],
        "decoder-white/refined": [1, 3],
        "pixels-black": [1, 3],
    }


def test_no_suite_attacks_more_pictures_than_the_scale_has():
    spends = [choose(name, "strong", ATTACKS).spend(suite).n for name in ATTACKS for suite in get_args(Suite)]
    assert max(spends) <= GALLERY


def test_all_designs_are_attacked_with_the_first_seed_before_the_second():
    seeds = [cell.seed for cell in plan_cells(AXES) if isinstance(cell, LeakCell)]
    assert seeds == sorted(seeds)


def test_joined_axes_have_the_cells_of_both():
    other = replace(AXES, targets=(CutTarget("vit", ("blocks.5",)),), links=("5g",))
    joined = AXES.joined(other)
    assert {target.name: target.cuts for target in joined.targets} == {
        "resnet18": ("layer1.0", "layer2.1", "layer3.0"),
        "vit": ("blocks.2", "blocks.5"),
    }
    assert set(plan_cells(AXES)) | set(plan_cells(other)) <= set(plan_cells(joined))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lte", EmulatedLink("lte", 1.0)),
        ("lte@8x", EmulatedLink("lte", 8.0)),
        ("10mbit:15ms@2.5x", EmulatedLink("10mbit:15ms", 2.5)),
    ],
)
def test_a_link_and_the_edge_at_its_end(text, expected):
    assert emulated_link(text) == expected
    assert emulated_link(text).profile.name == expected.link


def test_a_slowdown_without_its_x_is_told_how_it_is_written():
    with pytest.raises(UsageError, match=r"an edge that is so many times slower is written with an x: lte@8x"):
        emulated_link("lte@8")


def test_an_edge_of_its_own_is_told_its_own_flag():
    with pytest.raises(UsageError, match=r"give --link lte --slowdown 8"):
        link_profile("lte@8x")
