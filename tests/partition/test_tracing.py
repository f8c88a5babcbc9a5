"""Models whose code asks for shapes, looks at numbers or keeps things, and tracing while other threads go on."""

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from keyhole.partition import CutError, Survey, cut_at, points, split, survey
from keyhole.partition.cutting import same_bits
from keyhole.partition.errors import ClosedError, reason
from keyhole.partition.memory import footprints
from keyhole.partition.tracing import trace
from tests.partition.models import Looks, pictures

SIZE = 8


@dataclass
class Pair:
    left: Tensor
    right: Tensor


class Waits(nn.Module):
    """Runs ``meanwhile`` in another thread in the middle of its forward."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.last = nn.ReLU()
        self.meanwhile = meanwhile

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        thread = threading.Thread(target=self.meanwhile)
        thread.start()
        thread.join(60)
        return self.last(x * self.scale)  # type: ignore[no-any-return]


def test_a_model_runs_in_one_thread_while_another_is_traced() -> None:
    running, picture, answers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), torch.rand(1, 3, 8, 8), []
    found = trace(Waits(lambda: answers.append(running(picture))), picture)
    assert len(answers) == 1
    assert torch.equal(answers[0], running(picture))
    assert [found.paths[node] for node in found.graph.nodes if node.op == "call_module"] == ["first", "last"]


def test_a_model_runs_in_one_thread_while_it_is_traced_in_another() -> None:
    picture, answers = torch.rand(1, 3, 8, 8), []

    def meanwhile() -> None:
        if not answers:
            answers.append(torch.zeros(()))
            answers.append(model(picture))

    model = Waits(meanwhile)
    trace(model, picture)
    assert torch.equal(answers[1], model(picture))


def exact_everywhere(model: nn.Module, size: int = SIZE) -> Survey:
    """Check every point on three batches."""
    surveyed = survey(model, pictures(1, size))
    cuts = [point.cut for point in points(model, pictures(1, size), every=True)]
    assert len(cuts) > 1
    with torch.no_grad():
        for cut in cuts:
            parts = cut_at(surveyed, cut)
            for batch in (1, 2, 5):
                assert same_bits(parts.tail(parts.head(pictures(batch, size))), model(pictures(batch, size))), cut
    return surveyed


class Shapes(nn.Module):
    """Asks for shapes and types in every way that plain code does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.register_buffer("token", torch.randn(1, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(x, Tensor)
        assert not isinstance(x, list | tuple)
        assert x.shape[1] == 3
        assert len(x.shape) == x.ndim == x.dim() == 4
        if x.dtype != torch.float32 or x.is_cuda or x.device.type != "cpu":
            raise TypeError(x.dtype)
        if x.shape[2] % 2:
            raise ValueError("an even number of rows is needed")
        images, height = len(x), x.size(2)
        y = self.conv(x)
        for row in range(y.shape[2] // 4):
            y = y + row / height**0.5
        for step in torch.linspace(0, 1, height // 4):
            y = y * (1 + step)
        height, width = y.shape[-2:]
        if height > width:
            y = y.transpose(2, 3)
        first, *others = y.unbind(1)
        y = torch.stack([*others, first], dim=1)
        y[:, 0] = 0
        tokens = torch.cat([self.token.expand(images, -1, -1), y.flatten(2).transpose(1, 2)], dim=1)
        bias = torch.zeros(images, 1, 1, device=x.device) + torch.arange(images, dtype=x.dtype).view(-1, 1, 1) * 0
        return nn.GELU()(tokens + bias + y.new_ones(images, 1, 1)).reshape(images, -1)


def test_shapes_are_numbers_to_the_models_code() -> None:
    assert not exact_everywhere(Shapes().eval()).closed


class Lowers(nn.Module):
    """Computes with fewer bits, and gives a structure."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.next = nn.Conv2d(4, 4, 1), nn.Linear(SIZE, SIZE)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.inner(x)
            return {"map": y, "mixed": self.next(y)}


class Loops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.inner(picture[None]) for picture in x])


class Blocks(nn.Module):
    """Blocks that cannot be opened among others."""

    def __init__(self, first: nn.Module, second: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 4, 1), first, second or nn.Identity()
        self.flatten = nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(self.conv(x))
        if isinstance(y, dict):
            y = sum(value.float() for value in y.values())
        return self.flatten(self.second(y))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (
            Looks,
            r"depends on the numbers in a tensor \(`return y \* 2 if y\.sum\(\) > 0 else y`, models\.py:\d+\)",
        ),
        (Lowers, r"computes under torch\.autocast \(`y = self\.inner\(x\)`, test_tracing\.py:\d+\)"),
        (Loops, r"loops over the pictures of a batch \(`.*`, test_tracing\.py:\d+\)"),
    ],
)
def test_a_block_that_cannot_be_traced_is_kept_whole_and_named_with_its_reason(
    block: Callable[[], nn.Module], why: str
) -> None:
    surveyed = exact_everywhere(Blocks(block(), nn.Sequential(nn.ReLU(), Looks())).eval())
    assert list(surveyed.closed) == ["first", "second.1"]
    with pytest.raises(CutError, match=rf"'first.inner' is inside 'first', which {why}"):
        surveyed.index("first.inner")
    assert surveyed.index("second.0") < surveyed.index("second.1")


def test_a_forward_under_autocast_is_refused_by_its_name() -> None:
    class Lowered(Blocks):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().forward(x)

    with pytest.raises(CutError, match=r"Lowered cannot be traced: it computes under torch\.autocast"):
        survey(Lowered(nn.ReLU()), pictures(1, SIZE))


def test_a_whole_model_under_autocast_is_traced_through() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not exact_everywhere(Blocks(nn.ReLU()).eval()).closed


class Clips(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.min() > -1 else x.clamp(-1)


class Keeps(nn.Module):
    """Keeps what it computed, counts its calls, and holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bias = nn.Conv2d(3, 4, 1), nn.Parameter(torch.randn(4, 1, 1))
        self.kept: dict[str, Tensor] = {}
        self.lock = threading.Lock()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        with self.lock:
            self.calls += 1
            key = str(x.device)
            if key not in self.kept:
                self.kept[key] = self.bias * 2
            return (self.conv(x) + self.kept[key] + torch.tensor([1.0])).flatten(1)


def test_a_survey_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(Keeps(), Clips()).eval()
    before, modules = copy.deepcopy(model.state_dict()), [dict(vars(module)) for module in model.modules()]
    survey(model, pictures(1, SIZE))
    footprints(model, pictures(1, SIZE))
    assert not model[0].kept
    assert [dict(vars(module)) for module in model.modules()] == modules
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert split(model, "0", pictures(1, SIZE)).plan.tensors[0].shape == (1, 4 * SIZE * SIZE)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda x: x.relu() + torch.rand_like(x), "random in eval mode"),
        (lambda x: x.relu() / (len(x) + 1), "depends on the batch size"),
        (lambda x: x.relu() * (2 if len(x) == 1 else 3), "depends on the batch size"),
    ],
)
def test_a_cut_that_cannot_be_made_says_what_the_model_does(answer: Callable[[Tensor], Tensor], why: str) -> None:
    class Answers(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return answer(x).flatten(1)

    with pytest.raises(CutError, match=why):
        split(Answers(), "relu", pictures(1, SIZE))


class Detects(nn.Module):
    """Answers each picture with as many boxes as it finds, as torchvision's detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.box = nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        found = []
        for maps in self.box(x):
            scores = maps[4].sigmoid().flatten()
            kept = scores > scores.mean()
            boxes = maps[:4].flatten(1).T[kept]
            found.append({"boxes": boxes, "labels": kept[kept].long(), "scores": scores[kept]})
        return found


def test_a_detectors_answer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), Detects()).eval()
    surveyed = survey(model, pictures(1, SIZE))
    assert list(surveyed.closed) == ["2"]
    for cut in ("input", "0", "1"):
        parts = cut_at(surveyed, cut)
        outputs = [(output.name, output.shape, output.dtype) for output in parts.plan.outputs]
        assert outputs == [
            ("0.boxes", (-1, -1), torch.float32),
            ("0.labels", (-1,), torch.int64),
            ("0.scores", (-1,), torch.float32),
        ]
        with torch.no_grad():
            answer, whole = parts.tail(parts.head(pictures(3, SIZE))), model(pictures(3, SIZE))
        assert len({len(found["boxes"]) for found in whole}) > 1
        assert same_bits(answer, whole)


def test_blocks_that_answer_with_dataclasses() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Pair:
            return Pair(x, self.inner(x))

    class Closed(Block):
        def forward(self, x: Tensor) -> Pair:
            return super().forward(x if x.sum() > 0 else x * 2)

    class Model(nn.Module):
        def __init__(self, block: nn.Module) -> None:
            super().__init__()
            self.conv, self.block, self.act = nn.Conv2d(3, 4, 1), block, nn.ReLU()

        def forward(self, x: Tensor) -> Pair:
            pair = self.block(self.conv(x))
            return Pair(self.act(pair.left + pair.right), pair.right)

    for block in (Block(), Closed()):
        surveyed = survey(Model(block).eval(), pictures(1, SIZE))
        assert bool(surveyed.closed) is isinstance(block, Closed)
        for cut in ("conv", "block", "act"):
            parts = cut_at(surveyed, cut)
            assert [output.name for output in parts.plan.outputs] == ["left", "right"]
            with torch.no_grad():
                answer = parts.tail(parts.head(pictures(3, SIZE)))
                assert isinstance(answer, Pair)
                assert same_bits(answer, surveyed.model(pictures(3, SIZE)))


def test_a_reason_says_what_the_code_does():
    assert reason(TypeError("no such thing")) == "raises TypeError: no such thing"
    assert reason(ClosedError("looks at numbers")) == "looks at numbers"
