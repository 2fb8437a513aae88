"""Rows of the board as jobs come, verdicts fall, and stages fail for good."""

import msgspec

from backend.alerts.text import SafeText, safe
from backend.analysis.model import Analysis, Attempt, Verdict
from backend.api import Row
from backend.journal.stored import MACHINE, Result
from backend.pipeline.job import Job
from backend.pipeline.standing import is_stand_in
from backend.pipeline.work import Work


def new_row(job: Job) -> Row:
    """An alert that has just come in."""
    return Row(job.alert_id, job.head, job.lane, "queued", job.received_ms, job.deadline_ms)


def analysed_row(row: Row, result: Result, closed: bool | None = None) -> Row:
    """A row with its verdict; what a human has decided meanwhile stands.

    `closed`: the machine has closed the alert with this verdict, or (False) took its earlier closing back.
    """
    analysis = result.analysis
    human = row.state in ("claimed", "closed") and closed is None
    decided_by = row.decided_by if human else MACHINE if closed else ""
    # Asked for anew, an alert keeps what its first verdict had: the deadline was met, or not, by that one.
    met = result.answered_ms <= row.deadline_ms if row.deadline_ms else None
    changed: Row = msgspec.structs.replace(
        row,
        state=row.state if human else "closed" if closed else "triaged",
        decided_by=decided_by,
        verdict=row.verdict if human and row.state == "closed" else analysis.ruled,
        confidence=analysis.verdict.confidence,
        verdict_ms=row.verdict_ms or result.answered_ms,
        analysed_by=f"{analysis.provider}:{analysis.model}",
        degraded=analysis.degraded,
        partial=analysis.partial,
        injection=analysis.guardrails.injection_suspected,
        struck=len(analysis.guardrails.ungrounded) + len(analysis.guardrails.miscited),
        withheld=len(analysis.guardrails.withheld),
        cost_usd=row.cost_usd + analysis.cost_usd,
        sla_met=row.sla_met if row.verdict_ms else met,
        summary=analysis.verdict.summary,
        ruling=analysis.ruling,
        owed=is_stand_in(analysis),
    )
    return changed


async def last_resort(work: Work, job: Job, error: BaseException) -> None:
    """A stage failed on this alert again and again: say so honestly, and leave it to a human."""
    words = safe(f"{type(error).__name__}: {error}", 200)
    analysis = Analysis(
        verdict=Verdict(
            "Insufficient Data", 0.0, SafeText("The pipeline failed on this alert; it needs a human.")
        ),
        narrative=safe(f"A stage failed repeatedly: {words}. The alert and its raw record are kept."),
        kind="playbook",
        provider="playbook",
        model="built-in",
        attempts=(Attempt("pipeline", words),),
        degraded=True,
    )
    await work.settle(job, analysis)
