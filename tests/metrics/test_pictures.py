import pytest
import torch

from keyhole.metrics.pictures import check_pair, check_pictures
from keyhole.metrics.table import METRICS

PICTURES = torch.full((2, 3, 48, 48), 0.5)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (PICTURES[0], "N×3×H×W"),
        (PICTURES[:, :1], "N×3×H×W"),
        (PICTURES[:0], "N×3×H×W"),
        (PICTURES * 255, r"127, 127.* not in \[0, 1\]|128, 128.* not in \[0, 1\]"),
        (PICTURES - 1, r"not in \[0, 1\]"),
        (torch.full_like(PICTURES, torch.nan), r"not in \[0, 1\]"),
        (torch.ones_like(PICTURES, dtype=torch.uint8), "floating point"),
    ],
)
def test_what_is_no_batch_of_pictures_is_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        check_pictures("truth", pictures)


def test_the_message_names_the_side_that_is_wrong():
    with pytest.raises(ValueError, match="reconstruction: values"):
        check_pair(PICTURES * 3, PICTURES)
    with pytest.raises(ValueError, match="truth: values"):
        check_pair(PICTURES, PICTURES * 3)


def test_a_side_that_is_too_short_is_refused():
    check_pair(PICTURES, PICTURES, metric="X", smallest=48)
    with pytest.raises(ValueError, match=r"X needs pictures of at least 49 pixels a side, not \(48, 48\)"):
        check_pair(PICTURES, PICTURES, metric="X", smallest=49)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.scope == "picture"])
def test_every_metric_checks_its_pictures(name):
    function = METRICS[name].function
    with pytest.raises(ValueError, match="shapes differ"):
        function(PICTURES[..., :-1], PICTURES)
    with pytest.raises(ValueError, match=r"not in \[0, 1\]"):
        function(PICTURES * 255, PICTURES)
