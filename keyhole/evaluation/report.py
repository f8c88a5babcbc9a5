"""Tables of evaluations: what the judge read, the equivalent thumbnail, then the scores; the blind attacker last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.attacks import FLOOR
from keyhole.attacks.blind import SAMPLE
from keyhole.evaluation.against import Against
from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.scores import COMPARED, UNIT, EvaluationRow
from keyhole.evaluation.yardstick import Floor
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import LEAST, Mean
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.metrics.thumbnails import Thumbnail

INTERVALS = f"In brackets the 95 % interval of the mean over pictures, from {LEAST} on."
_THUMBNAIL = (
    f" Thumbnail: by {UNIT.title} as near to the truth as the true picture, shrunk to so many pixels and enlarged. "
    "Nothing: no nearer than the blind attacker, who has seen no frame."
)
_NOTHING = Thumbnail(0.0, None, 1).text
_EQ14 = " Eq. 14: the paper's own PSNR, 10·ln(peak / mean absolute error)."


@dataclass(frozen=True)
class Figures:
    """A column of figures.

    Attributes:
        heading: above it.
        of: what it says of a row.
        blind: what it says of the blind attacker.
        said: what it says of the one who samples the prior told the run's text; empty where there is none.
    """

    heading: str
    of: Callable[[EvaluationRow], str]
    blind: str = ""
    said: str = ""


def table(
    title: str,
    rows: Sequence[EvaluationRow],
    metrics: Sequence[Metric] | None = None,
    floor: Floor | None = None,
    against: Against | None = None,
) -> Table:
    """What was measured of each attack and cut, scores above published figures where there are some of the setting.

    Args:
        title: of the table.
        rows: what was scored.
        metrics: a column each; None: PSNR and SSIM.
        floor: what the blind attacker gets, for the last row; None: there is no such row.
        against: what each row is compared with.
    """
    columns = measured(rows, metrics or metrics_named(DEFAULT), floor)
    if against:
        columns.append(Figures(f"{UNIT.title} above", lambda row: _above(against.of(row)), "–"))
    if any(row.passes for row in rows) and not crowded(floor):
        columns.append(passes())
    labels = [((row.attack.replace("/", "\n/"), row.name.replace(" ", "\n")), row) for row in rows]
    made = tabled(title, ("attack", "cut"), labels, columns, floor)
    compared = f" {UNIT.title} above: than {against.word}, picture by picture." if against else ""
    made.caption = caption(rows, floor) + compared + (_EQ14 if any(row.published for row in rows) else "")
    return made


def measured(rows: Sequence[EvaluationRow], metrics: Sequence[Metric], floor: Floor | None) -> list[Figures]:
    """Columns of all tables, in the order in which they say something: secrets, thumbnail, scores."""
    columns, told = [], _told_sample(rows, floor)
    if floor:
        blind = {secret: floor.read[floor.best_read(secret)][secret] for secret in floor.guessing}
        columns = [
            Figures(
                secret.replace(" ", "\n"),
                partial(_read_of, secret),
                read_text(found),
                read_text(floor.read[told][secret]) if told else "",
            )
            for secret, found in blind.items()
        ]
        columns.append(Figures("thumb-\nnail", _thumbnail, _NOTHING, _NOTHING if told else ""))
    compared = (COMPARED,) if any(row.published for row in rows) else ()
    for metric in dict.fromkeys((*metrics, *compared)):
        blind_mean = stacked(floor.mean(floor.best(metric), metric).text(metric.digits)) if floor else ""
        said = stacked(floor.mean(told, metric).text(metric.digits)) if floor and told else ""
        columns.append(Figures(column_title(metric), partial(_mean, metric), blind_mean, said))
    return columns


def _told_sample(rows: Sequence[EvaluationRow], floor: Floor | None) -> str | None:
    """The blind attacker's recipe that a text alone leads, where the rows' attacks are told one."""
    told = floor and SAMPLE in floor.shown and any("text" in row.facts for row in rows)
    return SAMPLE if told else None


def passes() -> Figures:
    """The column of U-Net passes."""
    return Figures("U-Net\npasses", lambda row: f"{row.passes:.0f}", "0")


def tabled(
    title: str,
    named: tuple[str, str],
    rows: Sequence[tuple[tuple[str, str], EvaluationRow]],
    columns: Sequence[Figures],
    floor: Floor | None,
) -> Table:
    """A table of rows with two labels each.

    Where it is crowded, the labels stand below one another and the number of pictures in the title, so that the table
    fits a terminal of 80 columns.

    Args:
        title: of the table.
        named: headings of the labels.
        rows: with the labels of each.
        columns: of figures.
        floor: see `table`.
    """
    narrow = crowded(floor)
    counted = f"{title}, {floor.count} pictures" if floor and narrow else title
    made = Table(title=counted, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("\n".join(named),) if narrow else named:
        made.add_column(heading, no_wrap=True, overflow="fold")
    for heading in (*(() if narrow else ("n",)), *(column.heading for column in columns)):
        made.add_column(heading, justify="right", overflow="fold")

    def add(labels: tuple[str, str], count: int, figures: Sequence[str]) -> None:
        made.add_row(*(("\n".join(filter(None, labels)),) if narrow else (*labels, str(count))), *figures)

    for labels, row in rows:
        add(labels, len(row.scores), [column.of(row) for column in columns])
    if floor:
        if any(column.said for column in columns):
            add(("text alone", "" if narrow else "any"), floor.count, [column.said or "–" for column in columns])
        add((FLOOR, "" if narrow else "any"), floor.count, [column.blind for column in columns])
    return made


def crowded(floor: Floor | None) -> bool:
    """Whether secrets take so much room that other columns give way."""
    return bool(floor and floor.guessing)


def caption(rows: Sequence[EvaluationRow], floor: Floor | None) -> str:
    """How to read the figures."""
    units = rows[0].units if rows else floor.units if floor else None
    text = (INTERVALS if units is None else _clips(units)) + (_THUMBNAIL if floor else "")
    if floor and floor.guessing:
        guessing = ", ".join(f"{100 * share:.0f} % ({secret})" for secret, share in floor.guessing.items())
        text += f" Of plates, drivers and vehicles: the share that the judge reads right; guessing gets {guessing}."
    seeds = max((len(row.by_seed) for row in rows), default=1)
    return text + (f" Each picture counts once, with its mean over {seeds} seeds." if seeds > 1 else "")


def _clips(units: Sequence[int]) -> str:
    count = len(set(units))
    return (
        f"In brackets the 95 % interval of the mean over {count} clips, from {LEAST} on: frames of a clip are alike, "
        "and clips of one video count as one."
    )


def column_title(metric: Metric) -> str:
    """Heading of a metric's narrow column: ``PSNR dB``."""
    return f"{metric.title} {metric.unit}".rstrip()


def stacked(mean: str) -> str:
    """A mean with its interval below it, so that tables fit a terminal of 80 columns."""
    return mean.replace(" [", "\n[")


def read_text(found: ReadShare) -> str:
    """The share read right with its interval, or that it is no more than guessing gets, in two lines."""
    if found.interval is None:
        return f"{found.right:.0f} of {found.asked}\ntoo few"
    low, high = found.interval
    below = "as by guessing" if found.as_by_guessing else f"[{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * found.value:.0f} %\n{below}"


def _read_of(secret: str, row: EvaluationRow) -> str:
    return read_text(row.standing.read[secret]) if row.standing and secret in row.standing.read else ""


def _thumbnail(row: EvaluationRow) -> str:
    return stacked(row.standing.thumbnails[UNIT.name].text) if row.standing else ""


def _above(gain: Mean | None) -> str:
    return stacked(gain.text(UNIT.digits)) if gain else "–"


def _mean(metric: Metric, row: EvaluationRow) -> str:
    """A row's mean, with the paper's figure below it where there is one."""
    figure = getattr(row.published, metric.name, None)
    paper = "" if figure is None else f"\npaper {figure:.{min(metric.digits, 2)}f}"
    return stacked(row.mean(metric.name).text(metric.digits)) + paper
