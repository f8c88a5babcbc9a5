import pytest
import torch
from sklearn.metrics import top_k_accuracy_score

from keyhole.metrics import top_k_accuracy


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_equals_an_independent_computation(k):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(200, 10, generator=generator)
    labels = torch.randint(10, (200,), generator=generator)
    expected = top_k_accuracy_score(labels.numpy(), scores.numpy(), k=k, labels=range(10))
    assert top_k_accuracy(scores, labels, k) == pytest.approx(expected)


def test_by_hand():
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.2, 0.3, 0.5]])
    labels = torch.tensor([1, 2, 0])
    assert [top_k_accuracy(scores, labels, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_classifier_that_prefers_nothing_is_never_right():
    assert top_k_accuracy(torch.zeros(4, 3), torch.tensor([0, 0, 1, 2]), k=2) == 0


@pytest.mark.parametrize(
    ("scores", "labels", "k", "message"),
    [
        (torch.zeros(3), torch.tensor([0]), 1, "N×C"),
        (torch.zeros(2, 3), torch.tensor([0]), 1, "N labels"),
        (torch.zeros(0, 3), torch.tensor([], dtype=torch.int64), 1, "N×C"),
        (torch.zeros(1, 3), torch.tensor([3]), 1, "from 0 to 2"),
        (torch.zeros(1, 3), torch.tensor([-1]), 1, "from 0 to 2"),
        (torch.zeros(1, 3), torch.tensor([0]), 4, "k = 4 with 3 classes"),
        (torch.full((1, 3), torch.nan), torch.tensor([0]), 1, "finite"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_accuracy(scores, labels, k)
