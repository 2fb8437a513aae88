import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.text import safe
from backend.api import Row
from backend.pipeline.filters import Filter, FilterError
from tests.unit.pipeline.builders import head, row

ALERT = row(
    1,
    lane="high",
    state="triaged",
    verdict="True Positive",
    analysed_by="openai:gpt-x",
    decided_by="ann",
    head=head(
        1,
        severity_id=4,
        title=safe("LSASS memory read"),
        rule_uid=safe("R-77"),
        rule_name=safe("Credential dumping"),
        hostname=safe("DC-01"),
        user=safe("svc_backup"),
        src_ip=safe("10.1.2.3"),
        dst_ip=safe("2001:db8::5"),
        product=safe("Defender"),
    ),
)


def passes(text: str, of: Row = ALERT) -> bool:
    return Filter(text)(of)


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("sev:high", "sev:critical"),
        ("sev>=high", "sev>high"),
        ("severity<=4", "sev<4"),
        ("sev>med", "sev<high"),
        ("src:10.0.0.0/8", "src:192.168.0.0/16"),
        ("src:10.1.", "src:10.2."),
        ("dst:2001:db8::/32", "dst:10.0.0.0/8"),
        ("host:dc-", "host:web"),
        ("user:SVC", "user:root"),
        ("rule:r-77", "rule:r-78"),
        ("rule:dumping", "rule:beacon"),
        ('title:"lsass mem"', 'title:"mem lsass"'),
        ("product:defender", "product:suricata"),
        ("format:eve", "format:ocsf"),
        ("lane:high", "lane:crit"),
        ("state:triaged", "state:queued"),
        ("state:open", "state:closed"),
        ("verdict:tp", "verdict:fp"),
        ('verdict:"true pos"', "verdict:none"),
        ("model:openai", "model:ollama"),
        ("by:ann", "by:bob"),
        ("lsass", "mimikatz"),
        ("10.1.2.3", "10.1.2.4"),
        ('"memory read"', '"read memory"'),
        ("-mimikatz", "-lsass"),
        ('-"read memory"', '-"memory read"'),
        ("sev>=high host:dc user:svc -by:bob", "sev>=high host:dc user:svc -by:ann"),
        ("SEV:HIGH HOST:DC-01", "HOST:DC-02"),
    ],
)
def test_each_term_takes_what_it_says_and_nothing_else(yes: str, no: str) -> None:
    assert passes(yes)
    assert not passes(no)


@pytest.mark.parametrize("text", ["", "  ", '"', '-"', "-", '""'])
def test_a_term_that_is_still_being_typed_hides_nothing(text: str) -> None:
    assert passes(text)


def test_closed_rows_pass_only_where_they_are_asked_for() -> None:
    closed = row(2, state="closed", verdict="Benign")
    assert not passes("", closed)
    assert passes("state:closed", closed)
    assert passes("state:any", closed)
    assert not passes("-state:closed", closed)
    assert passes("state:any")


def test_a_verdict_that_is_still_owed_is_none() -> None:
    assert passes("verdict:none", row(3))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sevv:high", "did you mean sev?"),
        ("hots:web", "did you mean host?"),
        ("zzz:1", "known are sev, src"),
        ("sev:urgent", "unknown, informational"),
        ("sev:²", "no severity"),
        ("sev>=", "needs a value, like sev:high"),
        ("src:", "needs a value, like src:10.0.0.0/8"),
        ("src:10.0.0.0/99", "no network"),
        ("host>=web", "write host:web"),
        ("state:done", "known are open, queued"),
        ("lane:urgent", "known are critical, high"),
        ("verdict:evil", "known are none, Unknown"),
    ],
)
def test_errors_say_which_term_and_what_would_do(text: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        Filter(f"lsass {text}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hostile_text_comes_back_safe() -> None:
    assert "\x1b" not in Filter("\x1b]52;c;aGk=\x07").text
    with pytest.raises(FilterError) as caught:
        Filter("sev:\x1b[31mred")
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=200))
def test_whatever_is_typed_is_a_filter_or_an_error(text: str) -> None:
    try:
        compiled = Filter(text)
    except FilterError as error:
        assert str(error).isprintable()
        return
    assert compiled(ALERT) in (True, False)
