"""Tracing while other threads go on."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from keyhole.partition.tracing import trace


class _Waits(nn.Module):
    """Runs ``meanwhile`` in another thread in the middle of its forward."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.last = nn.ReLU()
        self.meanwhile = meanwhile

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        thread = threading.Thread(target=self.meanwhile)
        thread.start()
        thread.join(60)
        return self.last(x)


def test_a_model_runs_in_one_thread_while_another_is_traced():
    running, picture, answers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), torch.rand(1, 3, 8, 8), []
    graph, paths = trace(_Waits(lambda: answers.append(running(picture))))
    assert len(answers) == 1
    assert torch.equal(answers[0], running(picture))
    assert [paths[node] for node in graph.nodes if node.op == "call_module"] == ["first", "last"]
