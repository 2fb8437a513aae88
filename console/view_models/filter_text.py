"""The filter expression as the severity keys change it: one severity term among what the analyst typed."""

import re

_TERM = re.compile(r"-?sev(?:erity)?(?::|>=|<=|>|<|=)\S*", re.IGNORECASE)


def severity_term(name: str) -> str:
    """The filter term for one severity; critical takes fatal along."""
    return "sev>=critical" if name == "critical" else f"sev:{name}"


def toggle_severity(text: str, name: str) -> str:
    """`text` with `name` as its severity term, or without one if that very term stood there already."""
    wanted = severity_term(name)
    words = text.split()
    rest = [word for word in words if not _TERM.fullmatch(word)]
    return " ".join(rest if wanted in words else [wanted, *rest])
