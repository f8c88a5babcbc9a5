"""Forecast of a monitor: its addresses are tried and its judge is loaded, nothing is served."""

from __future__ import annotations

from keyhole.judge.class_verdict import EvaluationClassifier
from keyhole.judge.identity import open_identity_judge
from keyhole.judge.loading import find_judge
from keyhole.service.address import Address, listening
from keyhole.service.settings import Forecast
from monitor.scoring import scoring_metrics
from monitor.settings import MonitorSettings, check_page


def forecast(settings: MonitorSettings) -> Forecast:
    """What the monitor would do.

    Raises:
        UsageError: an address that is none or is taken, a page that anyone could read, or no such judge or metric.
    """
    for address in (settings.truth, settings.submit, settings.metrics):
        Address.parse(address)
    check_page(settings)
    names = ", ".join(metric.title for metric in scoring_metrics(settings.scores))
    if settings.recall_evaluator:
        EvaluationClassifier.named(settings.recall_evaluator, "--recall-evaluator")
    if settings.recall_judge:
        open_identity_judge(settings.recall_judge)
    if settings.page:
        listening(Address.parse(settings.page), "--page").close()
    judge = "reads secrets from reconstructions" if find_judge(settings.judge) else "has no judge"
    page = f"page at http://{settings.page}" if settings.page else "no page"
    return Forecast(f"scores by {names} into {settings.run}, {judge}; {page}")
