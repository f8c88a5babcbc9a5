"""RGB pictures of float32 for models that take something else."""

import pytest
import torch

from keyhole.partition import as_tuple, split
from keyhole.partition.cutting import same_bits
from keyhole.targets import load_target
from tests.targets import own_models

OWN = "tests.targets.own_models"
SIZE = 32


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("factory", "dtype"), [("half", torch.float16), ("double", torch.float64), ("bfloat16_grey", torch.bfloat16)]
)
def test_other_numbers(factory: str, dtype: torch.dtype, pictures: torch.Tensor) -> None:
    target = load_target(f"{OWN}:{factory}", size=SIZE)
    inputs = target.preprocess.normalise(pictures)
    for cut in ("input", *[name for name, _ in target.model.named_children()][:2]):
        parts = split(target, cut)
        with torch.no_grad():
            features, whole = parts.head(inputs), target.model(inputs)
            assert same_bits(parts.tail(features), whole)
        crossing = {tensor.dtype for tensor in as_tuple(features)}
        assert (
            {tensor.dtype for tensor in parts.plan.tensors} == crossing == {torch.float32 if cut == "input" else dtype}
        )
    assert {output.dtype for output in parts.plan.outputs} <= {dtype, torch.int64}


def test_grey_pictures_are_the_luminance(pictures: torch.Tensor) -> None:
    target, alone = load_target(f"{OWN}:grey", size=SIZE), own_models.Grey().eval()
    alone.load_state_dict(target.model.state_dict())
    assert isinstance(target.model, own_models.Grey)
    luminance = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    with torch.no_grad():
        assert same_bits(target.model(pictures), alone(luminance))


def test_a_model_that_takes_pictures_is_left_alone() -> None:
    assert type(load_target(f"{OWN}:network", size=SIZE).model) is torch.nn.Sequential


def test_a_compiled_model_is_taken_as_it_was_written() -> None:
    target = load_target(f"{OWN}:compiled", size=SIZE)
    assert split(target, "0").plan.tensors[0].shape == (1, 4, 4, 4)


def test_an_answer_that_is_no_vector_has_no_length() -> None:
    assert load_target(f"{OWN}:pixels", size=SIZE).outputs == 0
    target = load_target(f"{OWN}:grey", size=SIZE)
    assert target.outputs == 0
    outputs = split(target, "stem").plan.outputs
    assert [(output.name, output.shape) for output in outputs] == [
        ("logits", (-1, -1)),
        ("maps.0", (-1, -1, -1, -1)),
        ("maps.1", (-1, -1, -1)),
    ]
