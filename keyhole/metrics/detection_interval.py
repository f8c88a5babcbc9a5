"""How sure a mean average precision is: the bootstrap over pictures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyhole.metrics.detection import Found, check_backend
from keyhole.metrics.interval import LEAST, Interval, expanded_tail

_DRAWS = 1000


@dataclass(frozen=True)
class MatchedClass:
    """What was found of one class, by falling score.

    Attributes:
        right: T×D, at each IOU threshold, whether a detection has a thing of its own.
        picture: D, the number of each one's picture.
        things: N, how many there are in each picture.
        recalls: R, at which precision is taken.
    """

    right: NDArray[np.bool_]
    picture: NDArray[np.intp]
    things: NDArray[np.int64]
    recalls: NDArray[np.float64]

    def precision(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Interpolated precision, T×R, where each picture is there so many times; empty where it has no thing then."""
        things = int(self.things @ times)
        if not things:
            return np.zeros((0, len(self.recalls)))
        there = times[self.picture]
        hits = np.cumsum(self.right * there, axis=1)
        precision = hits / np.maximum(np.cumsum(there), 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
        reached = [np.searchsorted(recall, self.recalls, side="left") for recall in hits / things]
        return np.take_along_axis(best, np.stack(reached), axis=1)


@dataclass(frozen=True)
class MatchedBoxes:
    """What was found in pictures beside what is there, class by class.

    Attributes:
        classes: those that come among the truths.
        pictures: how many.
    """

    classes: Sequence[MatchedClass]
    pictures: int

    @classmethod
    def of(cls, found: Sequence[Found], truths: Sequence[Found]) -> MatchedBoxes:
        """Match each detection to a thing as COCO does: by falling score, to the free one that it overlaps most.

        Arguments are those of `keyhole.metrics.detection.mean_average_precision`.

        Raises:
            UsageError: the backend is not installed.
        """
        check_backend()
        from pycocotools.coco import COCO  # noqa: PLC0415  (optional)
        from pycocotools.cocoeval import COCOeval  # noqa: PLC0415

        with contextlib.redirect_stdout(io.StringIO()):
            known, guessed = COCO(), COCO()
            labels = sorted({int(label) for truth in truths for label in truth["labels"]})
            known.dataset, guessed.dataset = (_dataset(each, len(truths), labels) for each in (truths, found))
            known.createIndex()
            guessed.createIndex()
            matching = COCOeval(known, guessed, "bbox")
            matching.params.areaRng, matching.params.areaRngLbl = matching.params.areaRng[:1], ["all"]
            matching.evaluate()
        made, count = [], len(truths)
        for place in range(len(labels)):
            cells = matching.evalImgs[place * count : (place + 1) * count]
            made.append(_matched(cells, matching.params))
        return cls(tuple(made), count)

    def mean(self, times: NDArray[np.int64] | None = None) -> float:
        """mAP in percent, where each picture is there so many times; None: once. NaN where no thing is left.

        Args:
            times: N whole numbers.
        """
        times = np.ones(self.pictures, np.int64) if times is None else times
        means = [part.mean() for each in self.classes if (part := each.precision(times)).size]
        return 100 * float(np.mean(means)) if means else float("nan")

    def interval(self) -> Interval | None:
        """95 % interval of `mean` by the bootstrap over pictures, seeded, with the tails of `mean_interval`; pictures
        are taken for independent.

        Returns:
            None below `LEAST` pictures.
        """
        if self.pictures < LEAST:
            return None
        random = np.random.default_rng(0)
        even = np.full(self.pictures, 1 / self.pictures)
        drawn = random.multinomial(self.pictures, even, size=_DRAWS)
        means = [self.mean(times) for times in drawn]
        tail = expanded_tail(self.pictures)
        low, high = np.nanquantile(means, (tail, 1 - tail)).tolist()
        return low, high


def _dataset(boxes: Sequence[Found], pictures: int, labels: Sequence[int]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for number, each in enumerate(boxes):
        corners = each["boxes"].double().reshape(-1, 4).tolist()
        scores = each["scores"].tolist() if "scores" in each else [1.0] * len(corners)
        for (left, top, right, bottom), label, score in zip(corners, each["labels"].tolist(), scores, strict=True):
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(label),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return {
        "images": [{"id": number} for number in range(pictures)],
        "categories": [{"id": label} for label in labels],
        "annotations": annotations,
    }


def _matched(cells: Sequence[Any], params: Any) -> MatchedClass:
    thresholds, recalls = len(params.iouThrs), np.asarray(params.recThrs)
    things = np.array([0 if cell is None else len(cell["gtIds"]) for cell in cells], np.int64)
    right = [np.zeros((thresholds, 0), bool)]
    pictures, scores = [np.zeros(0, np.intp)], [np.zeros(0)]
    for number, cell in enumerate(cells):
        if cell is not None:
            right.append(np.asarray(cell["dtMatches"]) > 0)
            scores.append(np.asarray(cell["dtScores"], float))
            pictures.append(np.full(len(cell["dtScores"]), number))
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    return MatchedClass(np.concatenate(right, axis=1)[:, order], np.concatenate(pictures)[order], things, recalls)
