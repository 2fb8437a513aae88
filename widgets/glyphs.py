"""The signs and words of the console: severity, verdict, state, lane. Each has an ASCII twin."""

_SEVERITY: dict[int, tuple[str, str, str, str]] = {
    # OCSF severity_id: glyph, ASCII twin, word, style
    0: ("?", "?", "UNKN", "severity-unknown"),
    1: ("·", ".", "INFO", "severity-info"),
    2: ("○", "o", "LOW", "severity-low"),
    3: ("●", "*", "MED", "severity-medium"),
    4: ("▲", "^", "HIGH", "severity-high"),
    5: ("■", "#", "CRIT", "severity-critical"),
    6: ("■", "#", "FATL", "severity-critical"),
}

_VERDICT: dict[str, tuple[str, str, str, str]] = {
    # OCSF verdict caption: glyph, ASCII twin, two or three letters, style
    "Unknown": ("?", "?", "??", "verdict-unknown"),
    "False Positive": ("○", "o", "FP", "verdict-false-positive"),
    "True Positive": ("■", "#", "TP", "verdict-true-positive"),
    "Disregard": ("·", ".", "DIS", "verdict-false-positive"),
    "Suspicious": ("▲", "^", "SUS", "verdict-suspicious"),
    "Benign": ("○", "o", "BEN", "verdict-benign"),
    "Test": ("·", ".", "TST", "verdict-benign"),
    "Insufficient Data": ("?", "?", "INS", "verdict-insufficient"),
    "Security Risk": ("▲", "^", "RSK", "verdict-suspicious"),
    "Managed Externally": ("·", ".", "EXT", "verdict-benign"),
    "Duplicate": ("=", "=", "DUP", "verdict-benign"),
}

_STATE: dict[str, tuple[str, str]] = {
    # the queue row's state: word, style
    "queued": ("queued", "muted"),
    "enriching": ("context", "accent"),
    "analysing": ("writing", "live"),
    "paused": ("paused", "muted"),
    "triaged": ("triaged", "text"),
    "claimed": ("claimed", "accent"),
    "closed": ("closed", "muted"),
}

_LANE: dict[str, tuple[str, str, str]] = {
    # lane: glyph, ASCII twin, word; its style is lane-NAME
    "critical": ("■", "#", "CRIT"),
    "high": ("▲", "^", "HIGH"),
    "medium": ("●", "*", "MED"),
    "low": ("○", "o", "LOW"),
    "raw": ("·", ".", "RAW"),
}

_SOURCE: dict[str, tuple[str, str, str]] = {
    # source state: glyph, ASCII twin, style
    "starting": ("○", "o", "muted"),
    "live": ("●", "*", "ok"),
    "lagging": ("▲", "^", "warn"),
    "reconnecting": ("▲", "^", "warn"),
    "paused": ("║", "|", "warn"),
    "finished": ("○", "o", "muted"),
    "failed": ("■", "#", "error"),
}

_GUARD: dict[str, tuple[str, str, str, str]] = {
    # what the checks on a model's answer found: glyph, ASCII twin, word, style
    "injection": ("!", "!", "instructs a model", "error"),
    "struck": ("≠", "x", "struck through", "warn"),
    "withheld": ("⊘", "-", "withheld", "warn"),
    "closed": ("▣", "m", "closed by machine", "muted"),
}


def guard_glyph(finding: str, *, ascii_only: bool = False) -> str:
    """The sign of what the checks found: one cell."""
    return _GUARD[finding][1 if ascii_only else 0]


def guard_label(finding: str, *, ascii_only: bool = False) -> str:
    """Sign and word: `≠ struck through`."""
    return f"{guard_glyph(finding, ascii_only=ascii_only)} {_GUARD[finding][2]}"


def guard_style(finding: str) -> str:
    """Its style name."""
    return _GUARD[finding][3]


def severity_glyph(severity_id: int, *, ascii_only: bool = False) -> str:
    """The sign of an OCSF `severity_id`; one that is not known shows as Unknown."""
    return _SEVERITY.get(severity_id, _SEVERITY[0])[1 if ascii_only else 0]


def severity_word(severity_id: int) -> str:
    """Its four-letter word."""
    return _SEVERITY.get(severity_id, _SEVERITY[0])[2]


def severity_label(severity_id: int, *, ascii_only: bool = False) -> str:
    """Sign and word: `■ CRIT`."""
    return f"{severity_glyph(severity_id, ascii_only=ascii_only)} {severity_word(severity_id)}"


def severity_style(severity_id: int) -> str:
    """Its style name."""
    return _SEVERITY.get(severity_id, _SEVERITY[0])[3]


def verdict_glyph(caption: str, *, ascii_only: bool = False) -> str:
    """The sign of an OCSF verdict caption; one that is not known shows as Unknown."""
    return _VERDICT.get(caption, _VERDICT["Unknown"])[1 if ascii_only else 0]


def verdict_label(caption: str, *, ascii_only: bool = False) -> str:
    """Sign and caption: `■ True Positive`."""
    word = caption if caption in _VERDICT else "Unknown"
    return f"{verdict_glyph(word, ascii_only=ascii_only)} {word}"


def verdict_short(caption: str) -> str:
    """Two or three letters for a narrow column; empty while there is no verdict."""
    return _VERDICT.get(caption, _VERDICT["Unknown"])[2] if caption else ""


def verdict_style(caption: str) -> str:
    """Its style name."""
    return _VERDICT.get(caption, _VERDICT["Unknown"])[3]


def state_word(state: str) -> str:
    """The word for a queue row's state."""
    return _STATE.get(state, (state, ""))[0]


def state_style(state: str) -> str:
    """The style name for a queue row's state."""
    return _STATE.get(state, ("", "text"))[1]


def lane_glyph(name: str, *, ascii_only: bool = False) -> str:
    """The sign of a lane, the same as that of the severity it takes."""
    return _LANE.get(name, ("?", "?", ""))[1 if ascii_only else 0]


def lane_word(name: str) -> str:
    """The word of a lane."""
    return _LANE.get(name, ("?", "?", name.upper()[:4]))[2]


def lane_style(name: str) -> str:
    """The style name of a lane."""
    return f"lane-{name}" if name in _LANE else "text"


def source_glyph(state: str, *, ascii_only: bool = False) -> str:
    """The sign of a source's state."""
    return _SOURCE.get(state, ("?", "?", ""))[1 if ascii_only else 0]


def source_style(state: str) -> str:
    """The style name of a source's state."""
    return _SOURCE.get(state, ("", "", "text"))[2]
