"""Bedrock's region, endpoint and bearer token, as far as they can be told without asking anyone."""

import pytest

from backend.clock import SystemClock
from backend.providers.aws import AwsAccess, bearer_token, region_of
from backend.providers.config import ProviderConfig
from backend.providers.outcomes import FailedError
from backend.providers.prices import Price, price_for
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN

MODEL = "amazon.nova-lite-v1:0"
ARN = "arn:aws:bedrock:eu-west-3:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def config(model: str = MODEL, **fields: object) -> ProviderConfig:
    return ProviderConfig("bedrock", model, **fields)  # type: ignore[arg-type]  # keyword fields pass through


def test_the_region_by_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert region_of(config()) == ""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert region_of(config()) == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert region_of(config()) == "us-east-2"
    assert region_of(config(ARN)) == "eu-west-3"
    assert region_of(config(ARN, region="eu-north-1")) == "eu-north-1"


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({}, "from-environment"),
        ({"base_url": "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"}, "from-environment"),
        ({"base_url": "https://gateway.example.com/bedrock"}, None),
        ({"base_url": "https://amazonaws.com.example.com"}, None),
        ({"base_url": "https://gateway.example.com", "api_key": " mine\n"}, "mine"),
        ({"api_key": "mine"}, "mine"),
    ],
)
def test_the_bearer_token(fields: dict[str, str], token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-environment")
    assert bearer_token(config(**fields)) == token


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
async def test_the_endpoint(region: str, url: str) -> None:
    access = await AwsAccess(config(region=region), SystemClock()).get()
    assert (access.region, access.url, access.bearer) == (region, url, None)
    assert access.keys.access_key == ENVIRONMENT["AWS_ACCESS_KEY_ID"]


async def test_a_token_needs_no_region_where_the_address_is_given() -> None:
    access = await AwsAccess(config(base_url="http://127.0.0.1:9/", api_key="k"), SystemClock()).get()
    assert (access.url, access.bearer, access.secret) == ("http://127.0.0.1:9", "k", "k")
    with pytest.raises(FailedError, match="region"):
        await AwsAccess(config(api_key="k"), SystemClock()).get()


@pytest.mark.parametrize(
    "model", [SONNET, f"us.{SONNET}", f"arn:aws:bedrock:us-east-1:1:inference-profile/us.{SONNET}"]
)
def test_regional_models_cost_a_tenth_more_than_global_ones(model: str) -> None:
    assert price_for("bedrock", f"global.{SONNET}") == Price(3.0, 15.0, 0.3, 3.75, known=True)
    assert price_for("bedrock", model) == Price(3.3, 16.5, 0.33, 4.125, known=True)


@pytest.mark.parametrize("model", [MODEL, f"us.{MODEL}", f"apac.{MODEL}", ARN])
def test_a_region_in_the_name_changes_no_other_price(model: str) -> None:
    assert price_for("bedrock", model) == Price(0.06, 0.24, 0.015, 0.06, known=True)


def test_prices_by_config_for_what_the_list_does_not_know() -> None:
    profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2"
    assert not price_for("bedrock", profile).known
    own = price_for("bedrock", profile, usd_per_mtok_input=1.0, usd_per_mtok_output=2.0)
    assert own == Price(1.0, 2.0, 1.0, 1.0, known=True)
