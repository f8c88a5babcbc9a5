"""Tables and sentences of an inversion: who is recognised, how near the pictures are, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.evaluation.classes.published import TRENDS, Trend
from keyhole.evaluation.classes.rows import Inversion, InversionRow
from keyhole.evaluation.classes.scores import FIRST_FIVE, ClassScore
from keyhole.evaluation.report import column_title, stacked
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import LEAST, Mean
from keyhole.metrics.verdicts import verdict, whole_verdict

FEWEST_CLASSES = 20
"""Classes below which a comparison of attacks says little."""
_NONE = "–"
_WIDTH, _NARROW = 18, 13
_PLAIN = str.maketrans("", "", "[]")


@dataclass(frozen=True)
class _Column:
    heading: str
    of: Callable[[ClassScore], Mean | None]
    digits: int = 1
    percent: bool = False
    chance: float | None = None
    interval: bool = True

    def text(self, score: ClassScore) -> str:
        found = self.of(score)
        if found and not self.interval:
            found = Mean(found.mean, None)
        text = _text(found, self.digits, percent=self.percent)
        return text.replace(", ", ",") if self.percent else text.translate(_PLAIN).replace(", ", "–")

    @property
    def guessed(self) -> str:
        return _NONE if self.chance is None else f"{100 * self.chance:.1f}"


def recognition_table(done: Inversion, title: str, evaluator: str) -> Table:
    """Whose pictures they are taken for, and by whom.

    Args:
        done: the run.
        title: of the table.
        evaluator: name of the evaluation classifier; empty: it has no columns.
    """
    columns = [
        _share("top1", "judge\ntop 1", done.chance(1)),
        _share("top5", "judge\ntop 5", done.chance(FIRST_FIVE)),
        _Column("above\npublic", lambda score: score.gain(done.floor.score, "top1"), percent=True),
        _share("verified", "veri-\nfied", done.strangers),
    ]
    if evaluator:
        columns += [
            _share("evaluator_top1", "evalu-\nator\ntop 1", done.chance(1)),
            _share("evaluator_top5", "evalu-\nator\ntop 5", done.chance(FIRST_FIVE)),
        ]
    columns.append(_share("target_confidence", "target\nitself"))
    caption = (
        f"Per cent of pictures, with the 95 % interval of the mean over classes (from {LEAST} on). Judge: nearest of "
        f"{done.classes} classes by held-back private pictures. Verified: of the pairs with those (guessing: of theirs "
        f"across classes). Above public: than of {done.floor.name}, the strongest row of public pictures, class by "
        "class. Target itself: how sure the classifier under attack is; no success. Real: held-back private pictures "
        "themselves."
    )
    table = _table(title, columns, caption, done)
    figures = [column.guessed for column in columns]
    table.add_row("guessing", *figures)
    return table


def fidelity_table(done: Inversion, metrics: Sequence[Metric], judge: str) -> Table:
    """How near the pictures are to private ones, and how much of a class they show.

    Args:
        done: the run.
        metrics: of pixels.
        judge: name of the judge.
    """
    columns = [
        _Column("KNN\ndist.", partial(_mean_of, "knn_distance_judge"), 2),
        _Column("feat.\ndist.", partial(_mean_of, "feature_distance_judge"), 2, interval=False),
        _Column("Fré-\nchet", partial(_mean_of, "frechet_distance_judge"), 2),
        _Column("di-\nvers.", partial(_mean_of, "diversity_judge"), 2, interval=False),
        replace(_share("coverage_judge", "cov.\n%"), interval=False),
        *(_Column(column_title(one), partial(_mean_of, one.name), min(one.brief, 2)) for one in metrics),
    ]
    caption = (
        f"Distances in the features of {judge}, unit vectors, to the pictures that the classifier learned from: KNN, "
        "the nearest of the class; feature, their mean; Fréchet, all of them as Gaussians (it falls with the number of "
        "pictures). Diversity: mean distance between pictures of a class. Coverage: share of a class's pictures that "
        "one of its pictures is as near to as their fifth neighbour. Pixels: against the one private picture that the "
        "judge finds nearest."
    )
    return _table("nearness to private pictures", columns, caption, done, known=False)


def sentences(done: Inversion) -> Iterator[str]:
    """What was found."""
    classes = len(done.real.classes)
    for row in done.attacks:
        found, above = row.score.mean("top1"), done.above(row, done.floor)
        if found and above:
            yield (
                f"{row.name}: the judge takes {_text(found, 1, percent=True, flat=True)} % of its pictures for the "
                f"class; {_than(above)} {done.floor.name} (public pictures alone)."
            )
    sure = [mean for row in done.attacks if (mean := row.score.mean("target_confidence"))]
    if sure:
        yield (
            f"The classifier itself is {100 * min(mean.mean for mean in sure):.0f} % sure or more of every attack's "
            "pictures: that says nothing of whom they show."
        )
    if costs := [text for row in done.attacks if (text := _cost(row))]:
        yield f"Asked of the classifier for a picture, public pictures not counted: {', '.join(costs)}."
    if classes < FEWEST_CLASSES:
        yield f"{classes} classes are too few to compare attacks: give {FEWEST_CLASSES} or more (--classes)."
    yield from _trends(done)


def _mean_of(figure: str, score: ClassScore) -> Mean | None:
    return score.mean(figure)


def _than(above: Mean) -> str:
    amount = f"{_text(above, 1, percent=True, flat=True, signed=True)} points"
    if above.interval is None:
        return f"{amount} (too few classes for an interval) against"
    told = {"seen": "more than", "the reverse is seen": "less than"}
    return f"{amount}, {told.get(verdict(above), 'not told apart from')}"


def _cost(row: InversionRow) -> str:
    asked, seconds = row.spent.each("asked"), row.spent.each("seconds")
    if asked is None or seconds is None:
        return ""
    what = "labels" if row.chosen.recipe.knowledge == "labels" else "answers"
    return f"{row.name} {asked:,.0f} {what} in {seconds:.2f} s"


def _trends(done: Inversion) -> Iterator[str]:
    rows = {row.chosen.spelled: row.score for row in done.attacks}

    def gain(one: str, other: str, figure: str) -> Mean | None:
        return rows[one].gain(rows[other], figure) if one in rows and other in rows else None

    for trend in TRENDS:
        if leads := trend.leads(gain):
            said = whole_verdict([verdict(lead) for _, lead in leads])
            told = "; ".join(f"{_lead(trend, lead)} against {other}" for other, lead in leads)
            yield f"Published trend, {trend.says}: {said} ({told})."


def _lead(trend: Trend, lead: Mean) -> str:
    text = _text(lead, 1 if trend.shares else 2, percent=trend.shares, flat=True, signed=True)
    amount = f"{text} points" if trend.shares else f"{text} nearer"
    return f"{amount}, too few classes for an interval," if lead.interval is None else amount


def _share(figure: str, heading: str, chance: float | None = None) -> _Column:
    return _Column(heading, lambda score: score.mean(figure), percent=True, chance=chance)


def _table(title: str, columns: Sequence[_Column], caption: str, done: Inversion, *, known: bool = True) -> Table:
    made = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    made.add_column("pictures of" if known else "of", overflow="fold", max_width=_WIDTH if known else _NARROW)
    for column in columns:
        made.add_column(column.heading, justify="right", no_wrap=True)
    for row in done.attacks:
        made.add_row(_named(row, known), *(column.text(row.score) for column in columns))
    made.add_section()
    for row in done.floors:
        made.add_row(_named(row, known), *(column.text(row.score) for column in columns))
    made.add_row("real", *(column.text(done.real) for column in columns))
    return made


def _named(row: InversionRow, known: bool) -> str:
    """The row's name, and below it what it knows, and the paper's share where the setting is the paper's."""
    if not known:
        return row.name.replace("-", "-\n") if row.chosen.entry.floor else row.name.replace("/", "\n/")
    paper = "" if row.published is None else f"\n(paper {row.published.top1:.1f})"
    return f"{row.name}\n({row.chosen.recipe.knowledge}){paper}"


def _text(found: Mean | None, digits: int, *, percent: bool = False, flat: bool = False, signed: bool = False) -> str:
    if found is None:
        return _NONE
    scale = 100 if percent else 1
    mean = f"{scale * found.mean:{'+' if signed else ''}.{digits}f}"
    if found.interval is None:
        return mean
    low, high = (scale * end for end in found.interval)
    places = 0 if percent else digits
    text = f"{mean} [{low:.{places}f}, {high:.{places}f}]"
    return text if flat else stacked(text)
