import torch

from keyhole.targets import Preprocess


def test_fit_keeps_the_middle() -> None:
    picture = torch.zeros(3, 20, 40)
    picture[:, :, 10:30] = 1
    fitted = Preprocess(10).fit(picture)
    assert fitted.shape == (3, 10, 10)
    assert fitted[:, :, 2:8].min() > 0.99


def test_fit_covers_a_size_that_is_not_square() -> None:
    picture = torch.zeros(3, 40, 40)
    picture[:, :, 10:30] = 1
    fitted = Preprocess((20, 10)).fit(picture)
    assert fitted.shape == (3, 20, 10)
    assert fitted[:, :, 1:9].min() > 0.99
    assert Preprocess((8, 8)).size == 8


def test_normalise_is_differentiable_and_keeps_the_batch() -> None:
    preprocess = Preprocess(4, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    pictures = torch.ones(2, 3, 4, 4, requires_grad=True)
    normal = preprocess.normalise(pictures)
    assert normal[1, :, 0, 0].tolist() == [1.0, 3.0, 1.0]
    torch.autograd.backward(normal.sum())
    assert pictures.grad is not None
    assert pictures.grad[0, :, 0, 0].tolist() == [2.0, 4.0, 1.0]
    assert torch.equal(preprocess(pictures[0].detach()), normal[0])
