"""A site's own reading of Wazuh's levels."""

import json

import pytest

from backend.alerts.model import Parsed, ParsedAlert
from backend.alerts.recognise import Parser
from backend.alerts.wazuh_levels import WazuhLevels
from backend.assembly import open_feeds
from backend.clock import SystemClock
from backend.settings import Settings, SettingsError, SourceConfig
from tests.unit.alerts.test_wazuh import with_rule

NOW_MS = 1_767_225_600_000


def severities(parser: Parser, *levels: object) -> list[int]:
    """What a parser makes of alerts of these levels."""

    def of(parsed: list[Parsed]) -> int:
        (item,) = parsed
        assert isinstance(item, ParsedAlert)
        return item.head.severity_id

    return [of(parser.parse(json.dumps(with_rule(level=level)).encode(), NOW_MS)) for level in levels]


def test_bands_lie_over_the_usual_scale() -> None:
    rate = WazuhLevels({"10-14": "High", "15": "fatal", " 0 - 2 ": "Low", "16": "Unknown"}).rate
    assert [rate(level) for level in range(18)] == [2, 2, 2, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 6, 0, 0]
    assert (rate("12"), rate(None), rate(-1), rate("x")) == (4, 0, 0, 0)


@pytest.mark.parametrize(
    ("bands", "words"),
    [
        ({"high": "High"}, "'high' is no level; write one from 0 to 16, or a band such as '12-15'"),
        ({"15-12": "High"}, "'15-12' is no level"),
        ({"12-17": "High"}, "'12-17' is no level"),
        ({"-3": "High"}, "'-3' is no level"),
        ({"10-14": "High", "12": "Low"}, "level 12 is in '10-14' and in '12'; leave it in one"),
        ({"10": "Sever"}, "'10' is mapped to 'Sever'; use one of Unknown Informational"),
    ],
)
def test_what_is_wrong_is_said(bands: dict[str, str], words: str) -> None:
    config = SourceConfig(uri="http://127.0.0.1:1/wazuh", wazuh_levels=bands)
    with pytest.raises(SettingsError) as refused:
        open_feeds(Settings(sources=[config]), SystemClock())
    assert str(refused.value).startswith(f"source {config.uri}: wazuh_levels: {words}")


@pytest.mark.parametrize("fixed", [None, "wazuh"])
def test_a_sources_own_levels_hold_on_every_path_and_for_it_alone(fixed: str | None) -> None:
    own = SourceConfig(uri="http://127.0.0.1:1/a", format=fixed, wazuh_levels={"10-14": "High"})
    usual = SourceConfig(uri="http://127.0.0.1:1/b", format=fixed)
    ours, theirs = open_feeds(Settings(sources=[own, usual]), SystemClock())
    # A number is read by the typed decoder, a word or a list by the tolerant path.
    assert severities(ours.parser, 10, 10, "10", [3, 14], 7, 15) == [4, 4, 4, 4, 3, 5]
    assert severities(theirs.parser, 10, 10, "10", [3, 14], 7, 15) == [3, 3, 3, 4, 3, 5]
