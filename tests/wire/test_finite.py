from __future__ import annotations

import pytest
import torch

from keyhole.wire.codecs import all_finite

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [float("nan"), -float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("at", [0, 300_000, 600_000])
def test_one_bad_number_anywhere_is_found(dtype: torch.dtype, bad: float, at: int) -> None:
    tensor = torch.zeros(600_001, dtype=dtype)
    tensor[at] = bad
    assert not all_finite(tensor)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_nan_pattern_and_every_finite_number_of_sixteen_bits(dtype: torch.dtype) -> None:
    if dtype is torch.float32:
        bits = torch.tensor([0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF], dtype=torch.int64).to(torch.int32)
        assert not any(all_finite(number.view(dtype)) for number in bits)
        return
    numbers = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16).view(dtype)
    for number in numbers[::7]:
        assert all_finite(number) == bool(number.isfinite())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_numbers_are_finite(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    assert all_finite(torch.tensor([largest, -largest, 0.0, -0.0] * 1000, dtype=dtype))


def test_empty_and_zero_dimensional() -> None:
    assert all_finite(torch.empty(0, 3))
    assert all_finite(torch.tensor(1.0))
    assert not all_finite(torch.tensor(float("nan")))
