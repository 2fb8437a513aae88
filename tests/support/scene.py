"""A shift as the screen sees it, with every state and a fixed time: for tests of the console."""

from backend.alerts.model import Alert, Attack, Endpoint, Head, Process
from backend.alerts.text import SafeText
from backend.analysis.model import (
    Analysis,
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Decided,
    Delta,
    KeyFact,
    QuestionAsked,
    RecommendedAction,
    TranscriptEvent,
    Verdict,
    VerdictReady,
)
from backend.api import (
    CostView,
    Detail,
    LaneView,
    ModelCost,
    ModelView,
    NoteView,
    Row,
    RowState,
    Snapshot,
    StageView,
)
from backend.enrichment.base import Evidence, Finding
from backend.lanes import LANE_SLA_S, lane_for
from backend.providers.base import Usage
from backend.sources.base import SourceStatus
from tests.support.fake_engine import FakeEngine

NOW_MS = 1_767_355_391_000
"""2026-01-02T12:03:11Z."""


def safe(text: str) -> SafeText:
    """Text of these scenes, known to be safe."""
    return SafeText(text)


def row(
    number: int,
    title: str = "SSH brute force",
    severity: int = 3,
    *,
    src: str = "",
    dst: str = "",
    host: str = "",
    user: str = "",
    state: RowState = "queued",
    age_s: float = 20.0,
    verdict: str = "",
    confidence: float = 0.0,
    after_s: float = 2.1,
    cost: float = 0.0,
    **more: object,
) -> Row:
    """One row, received `age_s` before NOW."""
    lane = lane_for(severity)
    sla_s = LANE_SLA_S[lane]
    received = NOW_MS - int(age_s * 1000)
    deadline = received + int(sla_s * 1000) if sla_s else 0
    verdict_ms = received + int(after_s * 1000) if verdict else 0
    fields: dict[str, object] = {
        "id": number,
        "head": Head(
            uid=f"uid-{number}",
            format="suricata_eve",
            time_ms=received - 400,
            severity_id=severity,
            title=safe(title),
            rule_uid=safe(f"rule-{title[:8].lower()}"),
            rule_name=safe(title),
            src_ip=safe(src),
            src_port=49822 if src else 0,
            dst_ip=safe(dst),
            dst_port=443 if dst else 0,
            hostname=safe(host),
            user=safe(user),
            product=safe("Suricata"),
            severity_native=safe("1"),
        ),
        "lane": lane,
        "state": "triaged" if verdict and state == "queued" else state,
        "received_ms": received,
        "deadline_ms": deadline,
        "verdict": verdict,
        "confidence": confidence,
        "verdict_ms": verdict_ms,
        "analysed_by": "anthropic:claude-sonnet" if verdict else "",
        "cost_usd": cost,
        "sla_met": (verdict_ms <= deadline if deadline else None) if verdict else None,
    }
    return Row(**{**fields, **more})  # type: ignore[arg-type]  # a scene may set any field of a row


ROWS: tuple[Row, ...] = (
    row(
        1,
        "Cobalt Strike beacon to known team server",
        5,
        src="10.4.2.17",
        dst="203.0.113.9",
        host="fin-lap-17",
        user="m.keller",
        age_s=19,
        state="analysing",
        verdict="True Positive",
        confidence=0.94,
        after_s=1.3,
        cost=0.021,
    ),
    row(
        2, "New admin from unknown ASN", 5, user="alice@example.com", host="okta", age_s=8, state="enriching"
    ),
    row(
        3, "LSASS memory read by rundll32", 4, host="ws-114", user="CORP\\jdoe", age_s=110, state="analysing"
    ),
    row(
        4,
        "Impossible travel: Lisbon, then Osaka in 40 minutes",
        4,
        src="198.51.100.23",
        user="bob@example.com",
        age_s=58,
        has_note=True,
    ),
    row(
        5, "DNS tunnelling to young domain", 4, src="10.8.0.31", dst="192.0.2.53", host="build-03", age_s=330
    ),
    row(
        6,
        "SSH brute force",
        3,
        src="198.51.100.7",
        dst="10.0.4.12",
        host="bastion-2",
        age_s=41,
        verdict="Suspicious",
        confidence=0.71,
        after_s=9.4,
        cost=0.0031,
    ),
    row(
        7,
        "Service account signed in interactively",
        3,
        user="svc-backup",
        host="dc-01",
        age_s=95,
        verdict="Insufficient Data",
        confidence=0.4,
        after_s=12.0,
        cost=0.0028,
        degraded=True,
    ),
    row(
        8,
        "Web shell pattern in upload",
        3,
        src="203.0.113.77",
        dst="10.0.9.4",
        host="www-4",
        age_s=140,
        verdict="True Positive",
        confidence=0.88,
        after_s=7.7,
        cost=0.0044,
        injection=True,
    ),
    row(
        9,
        "Rare parent for powershell.exe",
        3,
        host="ws-221",
        user="CORP\\mlind",
        age_s=210,
        verdict="Benign",
        confidence=0.83,
        after_s=6.2,
        cost=0.0025,
    ),
    row(
        10,
        "Outbound SMB blocked",
        3,
        src="10.2.7.9",
        dst="198.51.100.200",
        age_s=1020,
        state="claimed",
        verdict="False Positive",
        confidence=0.9,
        after_s=940,
        cost=0.0022,
        decided_by="",
    ),
    row(
        11,
        "TLS certificate mismatch",
        2,
        src="10.4.9.80",
        dst="192.0.2.10",
        host="ws-019",
        age_s=300,
        verdict="Benign",
        confidence=0.97,
        after_s=30,
        cost=0.0002,
    ),
    row(
        12,
        "Port scan from vulnerability scanner",
        2,
        src="10.0.0.5",
        dst="10.0.4.0",
        host="scan-01",
        age_s=460,
    ),
    row(13, "USB mass storage attached", 1, host="ws-070", user="CORP\\tnovak", age_s=900),
)

SOURCES = (
    SourceStatus(
        name="kafka://127.0.0.1:9092/alerts",
        kind="kafka",
        state="live",
        records=120_400,
        lag=0,
        last_record_ms=NOW_MS - 3000,
    ),
    SourceStatus(
        name="file:///var/log/suricata/eve.json",
        kind="file",
        state="live",
        records=8_410,
        lag=0,
        last_record_ms=NOW_MS - 4000,
    ),
)

LANES = (
    LaneView("critical", 1, 1, 8_000, 41_000, 2.0, 14, 0),
    LaneView("high", 14, 2, 62_000, -30_000, 11.0, 80, 1),
    LaneView("medium", 220, 3, 140_000, 620_000, 160.0, 700, 0),
    LaneView("low", 1_900, 0, 900_000, None, 900.0, 4_100, 0),
    LaneView("raw", 0, 0, None, None, 0.0, 0, 0),
)

STAGES = (
    StageView("ingest", 10.0, 1.1, 3.2, 0.2, 0.9, 12_000, (1.0, 1.2, 1.0, 3.0, 3.2, 1.4, 1.1, 1.2)),
    StageView("route", 5.0, 0.2, 0.9, 0.1, 0.3, 12_000, (0.4, 0.5, 0.4, 0.9, 0.6, 0.5, 0.4, 0.4)),
    StageView("enrich", 100.0, 22.0, 41.0, 3.0, 60.0, 900, (30.0, 34.0, 41.0, 39.0, 22.0, 24.0, 31.0, 41.0)),
    StageView(
        "analyse", 2000.0, 900.0, 2300.0, 400.0, 5200.0, 880, (1200.0, 1500.0, 2300.0, 1900.0, 1300.0, 1200.0)
    ),
    StageView("act", 50.0, 4.0, 12.0, None, None, 850, (8.0, 9.0, 12.0, 10.0)),
)

COST = CostView(
    usd_this_minute=0.04,
    usd_this_hour=1.84,
    usd_today=11.2,
    budget_hour_usd=5.0,
    budget_day_usd=50.0,
    saved_usd=4.1,
    by_model=(
        ModelCost("anthropic:claude-sonnet", 212, 1.41, 188_000, 41_000, 910_000),
        ModelCost("openai:gpt-mini", 804, 0.43, 402_000, 96_000, 120_000),
        ModelCost("ollama:qwen", 40, 0.0, 31_000, 9_000, 0),
    ),
    trend=(0.02, 0.03, 0.05, 0.04, 0.02, 0.03, 0.06, 0.04),
)

MODELS = (
    ModelView("best", "anthropic:claude-sonnet", 3, 8),
    ModelView("fast", "openai:gpt-mini", 1, 8),
    ModelView("local", "ollama:qwen", 0, 2, "cooling", "refused 5 of 5 calls; one probe in 20 s"),
)

SCENE = Snapshot(
    version=7,
    wall_ms=NOW_MS,
    demo=False,
    sources=SOURCES,
    lanes=LANES,
    stages=STAGES,
    cost=COST,
    models=MODELS,
    rows=ROWS,
    rows_version=3,
    rows_total=len(ROWS),
    open_total=len(ROWS),
    alerts_total=2_214,
    events_total=128_000,
    dead_letters=2,
    engine_lag_ms=1.2,
)

VERDICT = Verdict(
    verdict="True Positive",
    confidence=0.94,
    summary=safe("A finance laptop beacons to a listed Cobalt Strike server at a fixed 60 s interval."),
    facts=(
        KeyFact(safe("203.0.113.9 is in two threat feeds since yesterday"), ("E3",)),
        KeyFact(safe("41 connections in 41 minutes, 60 s apart, ± 2 s"), ("E1",)),
        KeyFact(safe("fin-lap-17 belongs to finance and is marked high value"), ("E2",)),
        KeyFact(safe("this rule was never seen on this host before"), ("E4",)),
    ),
    severity_id=5,
    actions=(
        RecommendedAction("isolate_host", safe("fin-lap-17"), needs_approval=True),
        RecommendedAction("collect_forensics", safe("fin-lap-17"), needs_approval=False),
    ),
)

NARRATIVE = (
    "## What happened\n"
    "Host **10.4.2.17** has called 203.0.113.9 every 60 s for 41 minutes [E1]. The address is in two feeds "
    "since yesterday [E3]; the host is a finance laptop [E2] on which this rule was never seen before [E4].\n"
    "\n"
    "## What to do\n"
    "- Isolate the host before the next beacon\n"
    "- Take memory first: the process may be injected\n"
)

EVIDENCE = (
    Evidence(
        "E1", Finding("related", safe("41 connections to 203.0.113.9:443, one every 60 s ± 2 s"), weight=2)
    ),
    Evidence(
        "E2",
        Finding(
            "asset",
            safe("fin-lap-17: laptop, finance, owner m.keller, high value"),
            weight=1,
            hard=True,
            cache="hit",
            age_s=240,
            field="device.hostname",
        ),
    ),
    Evidence(
        "E3",
        Finding(
            "threat_intel",
            safe("203.0.113.9 in feodo and ipsum (level 7)"),
            weight=3,
            hard=True,
            cache="hit",
            age_s=180,
            field="dst_endpoint.ip",
        ),
    ),
    Evidence(
        "E4",
        Finding("history", safe("rule never fired on fin-lap-17 in 90 days; 3 others, 2 true positives")),
    ),
    Evidence(
        "E5", Finding("geoip", safe("203.0.113.9: AS64500, hosting, Moldova"), cache="stale", age_s=90_000)
    ),
)

TRANSCRIPT: list[TranscriptEvent] = [
    AttemptStarted(0, "anthropic", "claude-sonnet", NOW_MS - 17_000),
    VerdictReady(0, VERDICT, "anthropic", "claude-sonnet", 1300.0),
    Delta(0, safe(NARRATIVE)),
]

FOLLOW_UP: list[TranscriptEvent] = [
    AttemptEnded(0, "anthropic", "claude-sonnet", "complete", safe(""), Usage(1840, 412, 5200), 0.021),
    Decided(safe("claimed"), "jana", NOW_MS - 4000),
    QuestionAsked(1, safe("Did anyone else call this address?"), "jana", NOW_MS - 3000),
    AttemptStarted(1, "anthropic", "claude-sonnet", NOW_MS - 2500),
    Delta(1, safe("No other host has in the last 90 days [E4].")),
]


def detail(of: Row = ROWS[0]) -> Detail:
    """The first alert, opened while its analysis is written."""
    return Detail(
        row=of,
        alert=Alert(
            head=of.head,
            raw=b"{}",
            vendor=safe("OISF"),
            product=safe("Suricata"),
            src=Endpoint(of.head.src_ip, of.head.src_port),
            dst=Endpoint(of.head.dst_ip, of.head.dst_port),
            process=Process(
                safe("rundll32.exe"),
                4120,
                safe("rundll32.exe C:\\Users\\Public\\d.dll,Start"),
                safe("winword.exe"),
            ),
            attacks=(Attack(safe("T1071.001"), safe("TA0011")), Attack(safe("T1573"), safe("TA0011"))),
        ),
        evidence=EVIDENCE,
        analysis=Analysis(
            verdict=VERDICT,
            narrative=safe(NARRATIVE),
            kind="model",
            provider="anthropic",
            model="claude-sonnet",
            usage=Usage(1840, 412, 5200),
            cost_usd=0.021,
            first_token_ms=610,
            analyse_ms=4100,
            attempts=(Attempt("openai:gpt-mini", "429: rate limited for 20 s"),),
        ),
        latency_ms={
            "ingest": 1.2,
            "route_wait": 0.4,
            "route": 0.3,
            "enrich_wait": 3.0,
            "enrich": 38.0,
            "queue": 120.0,
            "first_token": 610.0,
            "analyse": 1140.0,
            "act": 9.0,
            "total": 1312.0,
        },
        trail=(
            NoteView(NOW_MS - 4000, "jana", safe("claimed")),
            NoteView(NOW_MS - 2000, "jana", safe("note"), safe("called the owner, laptop is in the office")),
        ),
        raw_text=safe('{\n  "event_type": "alert",\n  "src_ip": "10.4.2.17",\n  "dest_ip": "203.0.113.9"\n}'),
        missing=("users",),
    )


def engine(snapshot: Snapshot = SCENE) -> FakeEngine:
    """A fake engine on which this shift is being worked."""
    made = FakeEngine(snapshot)
    for item in snapshot.rows:
        made.details[item.id] = detail(item)
    made.transcripts[1] = list(TRANSCRIPT)
    made.live = {1}
    return made
