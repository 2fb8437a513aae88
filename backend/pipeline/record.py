"""The verdict record: one JSON object per alert, in the contract's shape."""

from typing import cast

import msgspec

from backend.alerts.export import alert_record
from backend.alerts.model import SEVERITY_NAMES, Alert
from backend.alerts.secrets import mask_tree
from backend.analysis.model import Analysis
from backend.clock import iso
from backend.journal.stored import Decision, Result

_encoder = msgspec.json.Encoder()

_LATENCY_KEYS = ("ingest", "route", "enrich", "queue", "first_token", "analyse", "act", "total")


def verdict_record(
    alert: Alert,
    result: Result,
    received_ms: int,
    decisions: tuple[Decision, ...] = (),
    *,
    asked_usd: float = 0.0,
) -> dict[str, object]:
    """The record as plain data. A decision that stands, a person's or the machine's, is under `decision`.

    Secrets in it are masked: it goes to files, sinks and terminals; the raw record stays in the journal.
    `asked_usd` is what follow-up questions cost: a part of the alert's cost, on top of its analysis.
    """
    analysis = result.analysis
    usage = analysis.usage
    record: dict[str, object] = {
        "alert": alert_record(alert, received_ms),
        "lane": result.lane,
        "verdict": analysis.ruled,
        "confidence": round(analysis.verdict.confidence, 4),
        "summary": analysis.verdict.summary,
        "narrative": analysis.narrative,
        "evidence": [
            {
                "id": piece.id,
                "kind": piece.finding.kind,
                "text": piece.finding.text,
                "cache": piece.finding.cache,
                "age_s": round(piece.finding.age_s, 3),
            }
            for piece in result.evidence
        ],
        "recommended_actions": [
            {"action": a.action, "target": a.target, "needs_approval": a.needs_approval}
            for a in analysis.verdict.actions
        ],
        "analysed_by": {
            "kind": analysis.kind,
            "provider": analysis.provider,
            "model": analysis.model,
            "attempts": [{"model": a.model, "error": a.error} for a in analysis.attempts],
        },
        "degraded": analysis.degraded,
        "partial": analysis.partial,
        "guardrails": {
            "injection_suspected": analysis.guardrails.injection_suspected,
            "signals": list(analysis.guardrails.signals),
            "ungrounded": list(analysis.guardrails.ungrounded),
            "output_valid": analysis.guardrails.output_valid,
            "miscited": list(analysis.guardrails.miscited),
            "withheld": list(analysis.guardrails.withheld),
        },
        "ruling": _ruling(analysis),
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "cost_usd": analysis.cost_usd + asked_usd,
        "latency_ms": {key: round(result.latency_ms.get(key, 0.0), 3) for key in _LATENCY_KEYS},
        "sla": {
            "deadline": iso(result.deadline_ms) if result.deadline_ms else None,
            "met": result.answered_ms <= result.deadline_ms if result.deadline_ms else True,
        },
    }
    standing = [d for d in decisions if d.undone_ms is None and d.kind == "decide"]
    if standing:
        last = standing[-1]
        record["decision"] = {
            "disposition": last.disposition,
            "actor": last.actor,
            "note": last.note,
            "time": iso(last.wall_ms),
        }
    approvals = [d for d in decisions if d.undone_ms is None and d.kind in ("approve", "deny")]
    if approvals:
        record["approvals"] = [
            {"action": d.disposition, "answer": d.kind, "actor": d.actor, "time": iso(d.wall_ms)}
            for d in approvals
        ]
    return cast("dict[str, object]", mask_tree(record))  # of the same shape


def _ruling(analysis: Analysis) -> dict[str, object] | None:
    """What code let the verdict do; `analyst_verdict` is the analyst's own, also where it may not stand."""
    ruling = analysis.ruling
    if ruling is None:
        return None
    return {
        "outcome": ruling.outcome,
        "severity": SEVERITY_NAMES.get(ruling.severity_id, "Unknown"),
        "human": ruling.human,
        "reasons": list(ruling.reasons),
        "analyst_verdict": analysis.verdict.verdict,
        "second_opinion": ruling.disagreement,
        "sampled": ruling.sampled,
    }


def encode_record(record: dict[str, object]) -> bytes:
    """A record as one line of JSON, without the line end."""
    return _encoder.encode(record)
