import pytest
import torch

from keyhole.metrics import embed, feature_distance, knn_distance

ORIGIN = torch.zeros(1, 2)


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.mean(dim=(2, 3))


def test_embeddings_come_in_batches_and_without_gradients(photographs):
    pictures = photographs(5, 8).requires_grad_()
    embeddings = embed(pictures, mean_colour, batch=2)
    assert torch.equal(embeddings, mean_colour(pictures))
    assert not embeddings.requires_grad


@pytest.mark.parametrize(
    ("embedder", "message"),
    [
        (lambda pictures: pictures[:, 0], "N×D"),
        (lambda pictures: torch.zeros(len(pictures) - 2, 4), "made 1 embeddings of 3 pictures"),
        (lambda pictures: torch.full((len(pictures), 4), torch.inf), "finite"),
    ],
)
def test_an_embedder_that_makes_no_vectors_is_refused(embedder, message, photographs):
    with pytest.raises(ValueError, match=message):
        embed(photographs(3, 8), embedder)


def test_feature_distance_by_hand():
    distance = feature_distance(torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert distance.tolist() == [5, 0]


def test_knn_distance_is_to_the_nearest_of_the_same_identity():
    private = torch.tensor([[0.0, 1.0], [3.0, 4.0], [0.0, 13.0], [6.0, 8.0]])
    identities = torch.tensor([0, 1, 1, 1])
    assert knn_distance(ORIGIN.repeat(2, 1), torch.tensor([1, 0]), private, identities).tolist() == [5, 1]


def test_knn_distance_of_a_private_picture_is_exactly_zero():
    private = 1e3 + torch.rand(50, 64, generator=torch.Generator().manual_seed(0))
    identities = torch.arange(50)
    assert knn_distance(private, identities, private, identities).max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ORIGIN, torch.tensor([7]), ORIGIN, torch.tensor([1])), r"no private picture of identities \[7\]"),
        ((ORIGIN, torch.tensor([1]), torch.zeros(1, 3), torch.tensor([1])), "lengths 2 and 3"),
        ((ORIGIN, torch.tensor([1, 2]), ORIGIN, torch.tensor([1])), "reconstruction: labels are 1 integers"),
        ((ORIGIN, torch.tensor([1]), ORIGIN, torch.tensor([1.0])), "private: labels are 1 integers"),
        ((ORIGIN / 0, torch.tensor([1]), ORIGIN, torch.tensor([1])), "finite"),
    ],
)
def test_knn_distance_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        knn_distance(*arguments)


def test_feature_distance_refuses_other_shapes():
    with pytest.raises(ValueError, match="shapes differ"):
        feature_distance(ORIGIN, torch.zeros(2, 2))
    with pytest.raises(ValueError, match="N×D"):
        feature_distance(ORIGIN[0], ORIGIN[0])
