"""What went to models, as the text of a scrolling panel: a line on each request, then its bytes."""

from backend.engine import SentItem, SentView
from console.view_models.detail import clock_words
from widgets.safe import Shown, shown, shown_lines

NOTHING = "nothing has been sent on this alert"


def sent_text(view: SentView) -> Shown:
    """Every request that was sent, oldest first, and the one that would come next."""
    parts = [
        f"── {number} of {len(view.sent)} · {_about(item)} ──\n\n{item.body}"
        for number, item in enumerate(view.sent, start=1)
    ]
    if not parts:
        parts.append(NOTHING)
    if view.next is not None:
        note = f" · {view.note}" if view.note else ""
        parts.append(f"── next, not sent yet · {_about(view.next)}{note} ──\n\n{view.next.body}")
    elif view.note:
        parts.append(view.note)
    return shown_lines("\n\n".join(parts))


def _about(item: SentItem) -> str:
    """One request in a line: when, to whom, how much, and whether names were hidden."""
    words = [clock_words(item.wall_ms)] if item.wall_ms else []
    words.append(f"{item.model} at {item.host}" if item.host else item.model)
    words += [item.kind] if item.kind else []
    words.append(f"{item.size:,} bytes")
    if item.input_tokens or item.output_tokens:
        words.append(f"{item.input_tokens:,} tokens in, {item.output_tokens:,} out")
    words += [f"${item.usd:.4f}"] if item.usd else []
    words += [item.outcome] if item.outcome else []
    words.append("names hidden" if item.hidden else "names in clear")
    return shown(" · ".join(words))
