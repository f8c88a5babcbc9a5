from unittest.mock import Mock

import pytest
import torch
from piq.feature_extractors import fid_inception

from keyhole.metrics import fid, inception, inception_score


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights in the published file's layout."""
    torch.manual_seed(0)
    network = inception.Inception()
    classes = {f"fc.{name}": value for name, value in network.classes.state_dict().items()}
    return {**network.backbone.state_dict(), **classes}


@pytest.fixture
def weights(monkeypatch, tmp_path, state):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    inception.INCEPTION.path.parent.mkdir(parents=True)
    torch.save(state, inception.INCEPTION.path)
    inception._network.cache_clear()
    yield state
    inception._network.cache_clear()


@pytest.mark.filterwarnings("ignore:.*weights.*", "ignore:The default weight initialization")
def test_scores_of_small_sets(weights, photographs, monkeypatch):
    first, second = photographs(2, 64), photographs(2, 128, seed=1)
    monkeypatch.setattr(fid_inception, "load_state_dict_from_url", Mock(return_value=weights))
    monkeypatch.setattr(torch.nn.init, "trunc_normal_", Mock())
    reference = fid_inception.InceptionV3().eval()
    embeddings = [reference(pictures)[0].flatten(1) for pictures in (first, second)]

    assert float(fid(first, second)) == pytest.approx(float(inception.frechet_distance(*embeddings)), rel=1e-3)
    logits = embeddings[0] @ weights["fc.weight"].T
    expected = float(inception.inception_score_of_logits(logits))
    assert float(inception_score(first)) == pytest.approx(expected, rel=1e-4)


def test_sets_that_are_too_small_are_refused(photographs):
    two = photographs(2, 32)
    with pytest.raises(ValueError, match="reconstructions: FID needs two pictures"):
        fid(two[:1], two)
    with pytest.raises(ValueError, match="2 pictures do not make 3 splits"):
        inception_score(two, splits=3)
