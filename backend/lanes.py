"""The lanes: which alerts they take and by when those must have a verdict."""

LANES: tuple[str, ...] = ("critical", "high", "medium", "low", "raw")
"""In strict order: while a lane has work, no later lane's work starts."""

LANE_SLA_S: dict[str, float | None] = {
    "critical": 60.0,
    "high": 300.0,
    "medium": 900.0,
    "low": None,
    "raw": None,
}
"""Seconds from receipt to verdict, where the configuration says nothing else."""

LANE_NUMBER: dict[str, int] = {lane: number for number, lane in enumerate(LANES)}

URGENT: frozenset[str] = frozenset({"critical", "high"})
"""Lanes whose alerts are never left to less than their own models."""

_BY_SEVERITY: dict[int, str] = {6: "critical", 5: "critical", 4: "high", 3: "medium", 2: "low", 1: "low"}


def lane_for(severity_id: int, suppressed: bool = False) -> str:
    """The lane for an OCSF `severity_id`.

    Unknown (0) and anything unheard of go to medium, never low. What its vendor already resolved or archived
    must not page, so it goes to low whatever its severity.
    """
    if suppressed:
        return "low"
    return _BY_SEVERITY.get(severity_id, "medium")
