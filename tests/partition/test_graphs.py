"""Models whose graphs are not a chain of modules."""

import pytest
import torch
from torch import Tensor, nn

from keyhole.partition import CutError, as_tuple, split
from tests.partition.models import pictures

SIZE = 8


def exact(model: nn.Module, cut: str) -> tuple[tuple[int, ...], ...]:
    """Check the cut on three batches; the shapes that cross."""
    parts = split(model, cut, pictures(1, SIZE))
    with torch.no_grad():
        for batch in (1, 2, 5):
            inputs = pictures(batch, SIZE)
            assert torch.equal(parts.tail(parts.head(inputs)), model(inputs))
    return tuple(tensor.shape for tensor in parts.plan.tensors)


class Conv(nn.Conv2d):
    def __init__(self, channels: int = 4) -> None:
        super().__init__(3, channels, 1)


class Tokens(nn.Module):
    """Shapes, a parameter repeated for each picture, and a sequence-first middle."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mix, self.end = Conv(), nn.Linear(4, 4), nn.Linear(4, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.norm = nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        y = self.conv(x)
        y = y.reshape(batch, 4, height * width).permute(2, 0, 1)
        y = torch.cat([self.token.expand(-1, batch, -1), y])
        y = self.norm(self.mix(y))
        result: Tensor = self.end(y[0].reshape(batch, -1))
        return result


@pytest.mark.parametrize(
    ("cut", "shape"),
    [
        ("conv", (1, 4, 8, 8)),
        ("reshape", (1, 4, 64)),
        ("permute", (1, 64, 4)),
        ("mix", (1, 65, 4)),
        ("norm", (1, 65, 4)),
    ],
)
def test_shapes_and_parameters_need_not_cross(cut: str, shape: tuple[int, ...]) -> None:
    assert exact(Tokens().eval(), cut) == (shape,)


class Windows(nn.Module):
    """Windows of a picture in the batch dimension, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.inner = Conv(), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        batch, channels, height, width = y.shape
        y = y.view(batch, channels, 2, height // 2, width).permute(0, 2, 3, 4, 1).reshape(batch * 2, -1, channels)
        y = self.inner(y)
        result: Tensor = y.view(batch, -1).sum(1, keepdim=True)
        return result


def test_windows_are_grouped_by_picture() -> None:
    assert exact(Windows().eval(), "inner") == ((1, 2, 32, 4),)


class LateShape(nn.Module):
    """A tensor that is needed late for its shape alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = Conv(), nn.AdaptiveAvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(self.conv(x))
        return nn.functional.interpolate(y, size=x.shape[2:]).flatten(1)


def test_a_tensor_does_not_cross_for_its_shape() -> None:
    assert exact(LateShape().eval(), "pool") == ((1, 4, 2, 2),)


class Chunks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv()

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.conv(x).chunk(2, dim=1)
        result: Tensor = (left * right.relu_()).flatten(1)
        return result


def test_the_items_of_a_tuple_cross() -> None:
    assert exact(Chunks().eval(), "chunk") == ((1, 2, 8, 8), (1, 2, 8, 8))


class WholeTuple(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(x.chunk(3, dim=1), dim=1).flatten(1)


def test_a_tuple_used_whole_is_refused() -> None:
    with pytest.raises(CutError, match=r"chunk yields a tuple that is used whole"):
        split(WholeTuple(), "chunk", pictures(1, SIZE))


class InPlace(nn.Module):
    """Writes to what it has computed, before and after the cut, without using what the writing returns."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.end = Conv(), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv(x)
        second = first * 2
        first.add_(1)
        third = self.act(second)
        second.mul_(3)
        result: Tensor = (self.end(first) + self.end(third)).flatten(1)
        return result


@pytest.mark.parametrize("cut", ["conv", "mul", "add_", "mul_", "end"])
def test_writing_in_place(cut: str) -> None:
    exact(InPlace().eval(), cut)


class TwoNames(nn.Module):
    """After the cut, writes to a tensor through one name and reads it through another."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv()

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv(x)
        flat = first.view(first.shape[0], -1)
        result: Tensor = flat.add_(1) + first.flatten(1)
        return result


def test_a_tensor_under_two_names_is_refused_where_they_part() -> None:
    exact(TwoNames().eval(), "conv")
    with pytest.raises(CutError, match="two names"):
        split(TwoNames().eval(), "view", pictures(1, SIZE))


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x * 3


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.branch, self.flatten = Conv(), Branch(), nn.Flatten()

    def forward(self, x: Tensor, scale: float = 1.0, mask: Tensor | None = None) -> Tensor:
        y = self.flatten(self.branch(self.conv(x)) * scale)
        result: Tensor = y if mask is None else y * mask
        return result


@pytest.mark.parametrize("cut", ["conv", "branch"])
def test_a_module_that_looks_at_numbers_is_kept_whole(cut: str) -> None:
    exact(Branching().eval(), cut)


def test_an_example_of_the_wrong_size_is_refused() -> None:
    model = nn.Sequential(Conv(), nn.Flatten(), nn.Linear(4 * SIZE * SIZE, 2))
    with pytest.raises(CutError, match="cannot take pictures of 3×16×16"):
        split(model, "0", pictures(1, 16))


def test_a_model_that_looks_at_numbers_is_refused() -> None:
    with pytest.raises(CutError, match=r"Branch cannot be traced.*submodule"):
        split(Branch(), "mul", pictures(1, SIZE))


class MixedBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        result: Tensor = (y - y.mean(0).sum()).flatten(1)
        return result


def test_a_tensor_without_a_batch_is_refused() -> None:
    with pytest.raises(CutError, match="0 dimensions that grow with the batch"):
        split(MixedBatch().eval(), "mean", pictures(1, SIZE))


class Structure(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.conv(x)
        return {"mean": y.mean((2, 3)), "map": y}


def test_an_answer_may_be_a_structure() -> None:
    model = Structure().eval()
    parts = split(model, "conv", pictures(1, SIZE))
    with torch.no_grad():
        answer, whole = parts.tail(parts.head(pictures(2, SIZE))), model(pictures(2, SIZE))
    assert parts.plan.output is None
    assert answer.keys() == whole.keys()
    assert all(torch.equal(answer[key], whole[key]) for key in whole)


@pytest.mark.parametrize(("cut", "crossing"), [("input", (1, 3, 8, 8)), ("output", (1, 2))])
def test_everything_on_one_side(cut: str, crossing: tuple[int, ...]) -> None:
    model = Tokens().eval()
    assert exact(model, cut) == (crossing,)
    parts = split(model, cut, pictures(1, SIZE))
    empty = parts.head if cut == "input" else parts.tail
    assert not list(empty.parameters())
    assert parts.plan.cut == {"input": "input", "output": "end"}[cut]


def test_parameters_are_shared_and_gradients_pass() -> None:
    model = Tokens()
    parts = split(model, "mix", pictures(1, SIZE))
    own = {id(parameter) for parameter in model.parameters()}
    assert {id(parameter) for part in (parts.head, parts.tail) for parameter in part.parameters()} == own
    inputs = pictures(2, SIZE).requires_grad_()
    parts.tail(parts.head(inputs)).sum().backward()
    assert inputs.grad is not None
    assert model.token.grad is not None


def test_a_model_in_training_mode_is_put_in_eval_mode() -> None:
    model = nn.Sequential(Conv(), nn.Dropout(0.5), nn.Flatten()).train()
    parts = split(model, "0", pictures(1, SIZE))
    assert not any(part.training for part in (model, parts.head, parts.tail))


def test_random_answers_are_refused() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.relu() + torch.rand_like(x)).flatten(1)

    with pytest.raises(CutError, match="random in eval mode"):
        split(Noisy(), "relu", pictures(1, SIZE))


def test_features_in_inference_mode() -> None:
    with torch.inference_mode():
        model = Tokens().eval()
        parts = split(model, "conv", pictures(1, SIZE))
        features = parts.head(pictures(2, SIZE))
        assert torch.equal(parts.tail(features), model(pictures(2, SIZE)))
    assert len(as_tuple(features)) == 1
