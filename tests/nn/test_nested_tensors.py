"""Answers of any structure."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from keyhole.nn.nested_tensors import named_tensors, one_of


@dataclass
class Record:
    left: Any
    right: Any


class Pair(NamedTuple):
    left: Any
    right: Any


def batches(batch: int) -> st.SearchStrategy[Any]:
    """Structures of tensors with one entry for each picture, whose numbers tell the picture."""
    shapes = st.lists(st.integers(1, 3), max_size=2)
    tensors = shapes.map(lambda rest: torch.arange(batch).view(-1, *[1] * len(rest)).expand(batch, *rest))
    return st.recursive(
        tensors,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.tuples(inner, inner),
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.builds(Record, inner, inner),
            st.builds(Pair, inner, inner),
        ),
        max_leaves=6,
    )


@given(st.data(), st.integers(1, 4))
def test_each_picture_gets_its_own(data: st.DataObject, batch: int) -> None:
    nesting = data.draw(batches(batch).filter(lambda drawn: type(drawn) not in (list, tuple)))
    for index in range(batch):
        own = one_of(nesting, index, batch)
        assert type(own) is type(nesting)
        tensors = named_tensors(own)
        assert tensors.keys() == named_tensors(nesting).keys()
        assert all(len(tensor) == 1 and bool((tensor == index).all()) for tensor in tensors.values())


def test_paths() -> None:
    one, two, three = torch.zeros(1), torch.zeros(2), torch.zeros(3)
    nesting = [OrderedDict(boxes=one, more=Record(two, None)), Pair(three, 4.0)]
    assert {name: len(tensor) for name, tensor in named_tensors(nesting).items()} == {
        "0.boxes": 1,
        "0.more.left": 2,
        "1.left": 3,
    }
    assert list(named_tensors(one)) == [""]
    assert not named_tensors("text")


def test_a_detectors_list_has_a_mapping_for_each_picture() -> None:
    answer = [{"boxes": torch.full((count, 4), float(count))} for count in (3, 0, 2)]
    for index, count in enumerate((3, 0, 2)):
        (own,) = one_of(answer, index, 3)
        assert own["boxes"].shape == (count, 4)
    assert one_of(answer[:1], 0, 1)[0]["boxes"].shape == (3, 4)


def test_what_mixes_pictures_is_refused() -> None:
    mixed: dict[str, Tensor] = {"mean": torch.zeros(3)}
    assert one_of(mixed, 0, 1) == mixed
    with pytest.raises(ValueError, match=r"\(3,\) does not hold one entry for each of 2"):
        one_of(mixed, 0, 2)
