import io

import pytest
from rich.markdown import Markdown

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.engine import Analysed
from backend.records import CSV_COLUMNS, to_csv
from console.verdict_output import as_utf8, plain, writer_for
from tests.support.contract import read_records
from tests.unit.pipeline.builders import head, job, result

HOSTILE = safe("<img src=x> [click](http://evil.example) **bold** `code` | cell\x1b[31m www.evil.example")


def analysed(**fields: object) -> Analysed:
    of = job(1, "high")
    return Analysed(of, Alert(head(1, **fields), b"{}"), result())


def written(kind: str, *items: Analysed) -> str:
    stream = io.StringIO()
    writer = writer_for(kind, stream)
    for item in items:
        writer.write(item)
    writer.close()
    return stream.getvalue()


def test_a_table_is_one_line_an_alert_the_most_severe_first() -> None:
    low = analysed(severity_id=2, title=safe("quiet"), hostname=safe("pc-9"))
    high = analysed(severity_id=5, title=safe("loud " * 60), hostname=safe(""), src_ip=safe("203.0.113.9"))
    lines = written("table", low, high).splitlines()
    assert lines[0].split() == ["LANE", "VERDICT", "CONF", "WHERE", "ALERT", "WHY"]
    assert len(lines) == 3
    assert "loud" in lines[1]
    assert "203.0.113.9" in lines[1]
    assert "pc-9" in lines[2]
    assert "in short" in lines[2]


def test_hostile_text_does_nothing_in_a_table() -> None:
    assert "\x1b" not in written("table", analysed(title=HOSTILE))


def test_hostile_text_does_nothing_in_markdown() -> None:
    tokens = Markdown(written("markdown", analysed(title=HOSTILE, hostname=HOSTILE))).parsed
    flat = [child for token in tokens for child in (token.children or [token])]
    assert not [t for t in flat if t.type in ("link_open", "image", "html_block", "html_inline")]
    assert not [t for t in flat if t.type == "strong_open" and "bold" in t.content]


@pytest.mark.parametrize("text", ["a_b*c", "# head", "<b>", "&lt;", "~~x~~", "a|b", "`tick`"])
def test_each_character_that_markdown_reads_is_escaped(text: str) -> None:
    (inline,) = (token for token in Markdown(plain(text)).parsed if token.type == "inline")
    assert [child.type for child in inline.children or []] in (["text"], ["code_inline"])
    assert inline.children is not None
    assert inline.children[0].content == text


def test_what_renderers_link_by_themselves_becomes_code() -> None:
    assert plain("see http://evil.example/x") == "`see http://evil.example/x`"
    assert "://" not in plain("`see` http://evil.example/x")


def test_ndjson_is_the_contracts_record() -> None:
    (record,) = read_records(written("ndjson", analysed(title=HOSTILE)))
    assert record.alert.title == HOSTILE


def test_output_is_utf8_whatever_the_locale_says() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    as_utf8(stream)
    stream.write("→ ␛")
    stream.flush()
    assert raw.getvalue() == "→ ␛".encode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])  # noqa: RUF001 - meant
def test_a_cell_that_a_spreadsheet_would_run_is_defused(start: str) -> None:
    record = {
        "alert": {"title": f"{start}HYPERLINK(1)"},
        "decision": {"note": f"{start}1"},
        "confidence": -0.5,
    }
    row = dict(zip(CSV_COLUMNS, to_csv(record).rstrip("\n").split(","), strict=True))
    assert row["title"] == f"'{start}HYPERLINK(1)"
    assert row["note"] == f"'{start}1"
    assert row["confidence"] == "-0.5"
