from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from keyhole.metrics import Retrieval, Views, retrieve


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


def test_equals_an_independent_computation():
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
def test_what_does_not_fit_is_refused(probes, message):
    with pytest.raises(ValueError, match=message):
        retrieve(probes, GALLERY)
