"""What the journal knows of an opened alert beside itself: its fold, and how its like was judged before."""

from backend.alerts.text import SafeText, safe
from backend.enrichment.history import keys
from backend.fold_views import FoldView, MemberView, SeenBefore, Took
from backend.journal import folds as stored
from backend.journal.reader import AlertRow, Reader
from backend.pipeline.distinct import Distinct
from backend.pipeline.fold import restored

LISTED = 20
"""Members that are listed; the journal has them all."""


def fold_of(reader: Reader, row: AlertRow) -> FoldView | None:
    """What an alert stands for; None where it stands for itself alone."""
    found = stored.counts(reader.connection, [row.id]).get(row.id)
    if found is None or (found.count < 2 and not restored(found, row.head, "").promoted):
        return None
    fold = restored(found, row.head, "")
    members = stored.members(reader.connection, row.id, LISTED)
    return FoldView(
        same=fold.kind == "same",
        count=fold.count,
        first_ms=fold.first_ms,
        last_ms=fold.last_ms,
        sources=_took(fold.sources),
        destinations=_took(fold.destinations),
        users=_took(fold.users),
        promoted=fold.promoted,
        members=tuple(
            MemberView(
                one.id, one.received_ms, one.head.src_ip or one.head.hostname, one.head.dst_ip, one.head.user
            )
            for one in members
        ),
    )


def seen_before(reader: Reader, row: AlertRow) -> SeenBefore | None:
    """How the same rule on the same entity was judged; None where this is the first."""
    rule_key, entity_key = keys(row.head)
    history = reader.history(rule_key, entity_key) if rule_key and entity_key else None
    if history is None:
        return None
    own = row.result is not None and row.fold == 0
    seen = max(history.seen - own, sum(history.human.values()))
    if seen < 1:
        return None
    verdict = max(history.verdicts, key=lambda one: history.verdicts[one], default="")
    return SeenBefore(
        seen,
        history.first_ms,
        history.last_ms,
        verdict,
        history.last_human,
        history.last_human_actor,
        history.last_human_ms,
    )


def _took(distinct: Distinct) -> Took:
    return Took(distinct.count, tuple(SafeText(safe(one, 60)) for one in distinct.examples))
