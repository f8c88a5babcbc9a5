from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from keyhole.metrics import Retrieval, Views, embed, feature_distance, knn_distance, retrieve, top_k_accuracy


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_accuracy_equals_an_independent_computation(k):
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
def test_scores_that_do_not_fit_are_refused(scores, labels, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_accuracy(scores, labels, k)


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


def views(*entries: tuple[float, int, int]) -> Views:
    """Unit vectors at (degrees, identity, camera)."""
    degrees, identities, cameras = zip(*entries, strict=True)
    angles = torch.deg2rad(torch.tensor(degrees))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    return Views(embeddings, torch.tensor(identities), torch.tensor(cameras))


GALLERY = views((5, 1, 0), (10, 2, 1), (15, 1, 1), (20, 3, 0), (25, 1, 2))


def test_one_probe_by_hand():
    """Its own camera's entry at 5° goes; of the rest, 2 1 3 1, the second and the fourth match."""
    expected = Retrieval(
        rank_1=0, rank_5=1, rank_10=1, mean_ap=(1 / 2 + 2 / 4) / 2, mean_inp=2 / 4, probes=1, excluded=0
    )
    assert retrieve(views((0, 1, 0)), GALLERY) == expected


def test_only_the_same_identity_with_the_same_camera_is_dropped():
    """From camera 2 the entry at 25° goes, while the other identities' entries and the other cameras' stay: 1 2 1 3."""
    found = retrieve(views((0, 1, 2)), GALLERY)
    assert (found.rank_1, found.mean_ap, found.mean_inp) == pytest.approx((1, (1 + 2 / 3) / 2, 2 / 3))


def test_probes_without_a_match_are_counted_and_left_out():
    """9 is not in the gallery; 2 is there from the probe's own camera only; 3 comes fourth; 1 as by hand above."""
    probes = views((0, 9, 0), (0, 2, 1), (0, 3, 1), (0, 1, 0))
    found = retrieve(probes, GALLERY)
    assert (found.probes, found.excluded) == (2, 2)
    assert (found.rank_1, found.rank_5) == (0, 1)
    assert found.mean_ap == pytest.approx((1 / 4 + 1 / 2) / 2)
    assert found.mean_inp == pytest.approx((1 / 4 + 1 / 2) / 2)


@pytest.mark.parametrize(("rank", "expected"), [(1, (1, 1, 1)), (5, (0, 1, 1)), (6, (0, 0, 1)), (11, (0, 0, 0))])
def test_a_single_match_at_a_rank(rank, expected):
    gallery = views(*((place, 1 if place == rank else 2, 1) for place in range(1, 13)))
    found = retrieve(views((0, 1, 0)), gallery)
    assert (found.rank_1, found.rank_5, found.rank_10) == expected
    assert found.mean_ap == pytest.approx(1 / rank)
    assert found.mean_inp == pytest.approx(1 / rank)


def test_length_of_embeddings_does_not_matter():
    lengths = torch.tensor([[3.0], [0.1], [70.0], [1.0], [9.0]])
    longer = replace(GALLERY, embeddings=GALLERY.embeddings * lengths)
    assert retrieve(views((0, 1, 0)), longer) == retrieve(views((0, 1, 0)), GALLERY)


def test_retrieval_equals_an_independent_computation():
    generator = torch.Generator().manual_seed(0)

    def random(count: int) -> Views:
        draws = [torch.randint(high, (count,), generator=generator) for high in (30, 3)]
        return Views(torch.randn(count, 6, generator=generator), *draws)

    probes, gallery = random(300), random(80)
    rows = []
    for embedding, identity, camera in zip(*astuple(probes), strict=True):
        kept = ~((gallery.identities == identity) & (gallery.cameras == camera))
        match = (gallery.identities == identity)[kept].numpy()
        if match.any():
            similarity = torch.cosine_similarity(embedding[None], gallery.embeddings[kept]).numpy()
            places = np.flatnonzero(match[np.argsort(-similarity)]) + 1
            hits = [places[0] <= k for k in (1, 5, 10)]
            rows.append([*hits, average_precision_score(match, similarity), len(places) / places[-1]])
    expected = (*np.mean(rows, axis=0), len(rows), 300 - len(rows))
    assert 0 < expected[-1] < 300
    assert astuple(retrieve(probes, gallery)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        (views((0, 9, 0)), "no probe has a match"),
        (Views(torch.zeros(1, 3), torch.tensor([1]), torch.tensor([0])), "lengths 3 and 2"),
        (Views(torch.zeros(1, 2), torch.tensor([1, 1]), torch.tensor([0])), "probes: labels"),
        (Views(torch.full((1, 2), torch.nan), torch.tensor([1]), torch.tensor([0])), "finite"),
    ],
)
def test_views_that_do_not_fit_are_refused(probes, message):
    with pytest.raises(ValueError, match=message):
        retrieve(probes, GALLERY)
