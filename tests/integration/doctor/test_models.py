"""Models that scripted servers play, each wire over a socket: in order, and failing in every way there is."""

import time
from pathlib import Path

import pytest

from backend.doctor import model as model_part
from backend.providers.base import Usage
from tests.integration.doctor.models import CACHED, FRESH, WELL, WORDS, look, model, of
from tests.support.doctoring import steps
from tests.support.offering import OfferingServer
from tests.support.ports import free_port
from tests.support.vendors import (
    Cut,
    Done,
    End,
    Hang,
    Page,
    Pings,
    Script,
    Status,
    Thinking,
    Tokens,
    Wait,
)

WIRES = ("anthropic", "openai", "ollama")
SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def no_keys_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OLLAMA_API_KEY", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_model_that_is_in_order(tmp_path: Path, wire: str) -> None:
    async with OfferingServer(wire, FRESH, CACHED, offers=["other", "test-model"]) as server:
        found = await look(tmp_path, model(wire, server.base_url))
        assert len(server.requests) == 2
    assert steps(found) == [(step, "ok") for step in WELL], found
    assert of(found, "model").found == "test-model is one of 2 that the server offers"
    figure = of(found, "speed").figure
    assert figure is not None
    assert figure[1] == "tokens/s"
    assert 20 < figure[0] < 300  # twenty tokens in ten pieces, one each 10 ms
    waited = of(found, "first token").figure
    assert waited is not None
    assert 5 < waited[0] < 1_000
    if wire != "ollama":  # which counts no cache reads
        assert of(found, "cache").found.startswith("880 of 900 prompt tokens")
    assert "critical, high" in of(found, "settings").found


async def test_the_two_requests_are_alike_but_for_their_end(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH, CACHED) as server:
        await look(tmp_path, model("openai", server.base_url))
        first, second = (request.body for request in server.requests)
    assert first["max_tokens"] <= 32
    assert first["messages"][0] == second["messages"][0]
    ones, others = first["messages"][1]["content"], second["messages"][1]["content"]
    assert ones != others
    assert ones[:-3] == others[:-3]


async def test_a_key_is_named_by_where_it_is_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    refusal = Status(401, {"error": {"type": "authentication_error", "message": f"bad key {SECRET}"}})
    async with OfferingServer("openai", FRESH, CACHED, offers=["test-model"]) as server:
        good = await look(tmp_path, model("openai", server.base_url, api_key_env="MY_KEY"))
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert of(good, "key").found == "from $MY_KEY; the server takes it"
    async with OfferingServer("openai", [refusal], offers=403) as server:  # a key that may not list models
        bad = await look(tmp_path, model("openai", server.base_url, api_key_env="MY_KEY"))
    assert steps(bad)[-2:] == [("key", "failed"), ("price", "ok")]
    assert "HTTP 401" in of(bad, "key").found
    assert "$MY_KEY" in of(bad, "key").mend
    assert SECRET not in repr(good) + repr(bad)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_key_that_the_list_refuses_costs_no_request(tmp_path: Path, wire: str) -> None:
    async with OfferingServer(wire, FRESH, offers=401) as server:
        found = await look(tmp_path, model(wire, server.base_url))
        assert not server.requests
    assert steps(found)[-1] == ("key", "failed")
    assert "set api_key_env under [models.m1]" in found[-1].mend


async def test_keys_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    async with OfferingServer("anthropic", FRESH, CACHED) as server:
        unset = await look(tmp_path, model("anthropic", server.base_url, api_key_env="NO_SUCH_KEY"))
        monkeypatch.setenv("ODD_KEY", "sk-ключ")
        odd = await look(tmp_path, model("anthropic", server.base_url, api_key_env="ODD_KEY"))
        assert not server.requests
    assert steps(unset)[-1] == steps(odd)[-1] == ("key", "failed")
    assert "NO_SUCH_KEY is not set" in unset[-1].found
    assert "no HTTP header can carry" in odd[-1].found


async def test_an_account_without_credit(tmp_path: Path) -> None:
    body = {"error": {"type": "insufficient_quota", "message": "You exceeded your current quota"}}
    async with OfferingServer("openai", [Status(429, body)]) as server:
        found = await look(tmp_path, model("openai", server.base_url))
    assert "billing" in of(found, "key").mend


NOT_FOUND = Status(404, {"error": {"type": "not_found_error", "message": "model: test-model"}})


@pytest.mark.parametrize("wire", WIRES)
async def test_a_model_that_is_not_there_and_the_one_that_was_meant(tmp_path: Path, wire: str) -> None:
    async with OfferingServer(wire, [NOT_FOUND], offers=["test-modell", "big", "bigger"]) as server:
        found = await look(tmp_path, model(wire, server.base_url))
        assert len(server.requests) == 1
    assert steps(found)[-2:] == [("model", "failed"), ("price", "ok")]
    check = of(found, "model")
    assert "HTTP 404" in check.found
    assert check.mend.startswith("did you mean test-modell?")
    assert "the server offers test-modell, big, bigger" in check.mend
    assert ("ollama pull test-model" in check.mend) == (wire == "ollama")
    assert of(found, "key").state == "ok"


async def test_no_model_and_no_list_may_be_the_wrong_path(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH) as server:
        found = await look(tmp_path, model("openai", server.base_url + "/nowhere"))
    check = of(found, "model")
    assert check.state == "failed"
    assert "ends in /v1" in check.mend
    assert "/nowhere" in check.mend


async def test_a_name_that_is_not_on_the_list_but_answers(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07[b]x"
    async with OfferingServer("openai", FRESH, CACHED, offers=[hostile, "a/" + "long/" * 40]) as server:
        found = await look(tmp_path, model("openai", server.base_url))
    check = of(found, "model")
    assert check.state == "ok"
    assert "it is an alias" in check.found
    assert check.found.isprintable()


FAILURES: dict[str, tuple[Script, str, str, str]] = {
    "asked too often": (
        [Status(429, {"error": {"type": "rate_limit_error", "message": "slow"}}, {"retry-after": "7"})],
        "request",
        "asked too often",
        "wait 7 s",
    ),
    "overloaded": ([Status(503, "<html>busy</html>")], "request", "HTTP 503", "try again"),
    "no first token": ([Hang()], "first token", "no first token within 0.5 s", "raise first_token_timeout_s"),
    "silence": (
        [Tokens("one two "), Hang()],
        "request",
        "no more text within 0.5 s",
        "raise idle_timeout_s",
    ),
    "a page": ([Page()], "request", "instead of a stream", "wants a sign-in"),
    "no end marker": ([Tokens("one two "), End()], "request", "without its end marker", "cut streams"),
    "cut": ([Tokens("one two "), Cut()], "request", "the answer broke off", "cut streams"),
    "too long": (
        [Status(400, {"error": {"type": "invalid_request_error", "message": "prompt is too long"}})],
        "request",
        "too long",
        "larger context",
    ),
    "for ever": (
        [Tokens(WORDS * 50, every_s=0.05), Done()],
        "request",
        "not done within 1.5 s",
        "raise total_timeout_s",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_request_that_fails(tmp_path: Path, case: str) -> None:
    script, step, words, mend = FAILURES[case]
    limits = {"first_token_timeout_s": 0.5, "idle_timeout_s": 0.5, "total_timeout_s": 1.5}
    async with OfferingServer("openai", script, offers=["test-model"]) as server:
        found = await look(tmp_path, model("openai", server.base_url, **limits))
        assert len(server.requests) == 1  # what failed once is not asked again
    assert steps(found)[-2:] == [(step, "failed"), ("price", "ok")], found
    check = of(found, step)
    assert words in check.found
    assert mend in check.mend


@pytest.mark.parametrize("wire", WIRES)
async def test_a_network_that_answers_everything_with_a_page(tmp_path: Path, wire: str) -> None:
    async with OfferingServer(wire, [Page()], offers=Page().html) as server:
        found = await look(tmp_path, model(wire, server.base_url))
    assert of(found, "request").state == "failed"
    assert "wants a sign-in" in of(found, "request").mend


async def test_the_second_request_may_fail_alone(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH, [Status(429, "")]) as server:
        found = await look(tmp_path, model("openai", server.base_url))
    assert of(found, "request").found.startswith("the second request, right after one that went well")


async def test_a_first_token_that_takes_over_half_of_its_time(tmp_path: Path) -> None:
    slow = [Wait(0.6), *FRESH]
    async with OfferingServer("openai", slow, CACHED) as server:
        found = await look(tmp_path, model("openai", server.base_url, first_token_timeout_s=1.0))
    check = of(found, "first token")
    assert check.state == "warn"
    assert "over half of the 1 s allowed" in check.found


async def test_a_speed_at_which_the_longest_answer_is_cut(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH, CACHED) as server:
        found = await look(tmp_path, model("openai", server.base_url, max_tokens=100_000))
    check = of(found, "speed")
    assert check.state == "warn"
    assert "is cut at 60 s" in check.found


async def test_a_model_that_only_thought(tmp_path: Path) -> None:
    script: Script = [Thinking("hm"), Done(stop="max_tokens", usage=Usage(900, 32))]
    async with OfferingServer("openai", script) as server:
        found = await look(tmp_path, model("openai", server.base_url))
    assert of(found, "first token").state == "warn"
    assert "well above its thoughts" in of(found, "first token").mend


async def test_a_cache_that_is_not_hit(tmp_path: Path) -> None:
    written: Script = [Tokens(WORDS), Done(usage=Usage(20, 20, cache_write_tokens=880))]
    async with OfferingServer("openai", FRESH) as never, OfferingServer("anthropic", written) as lost:
        found = await look(
            tmp_path, model("openai", never.base_url), model("anthropic", lost.base_url), subject="model"
        )
    missed, unread = (check for check in found if check.check == "cache")
    assert (missed.state, unread.state) == ("warn", "warn")
    assert "--enable-prefix-caching" in missed.mend
    assert "not found there again" in unread.found


async def test_a_price_that_is_not_known_is_a_warning(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH, CACHED) as server:
        prices = {"usd_per_mtok_input": 2.0, "usd_per_mtok_output": 10.0}
        found = await look(tmp_path, model("openai", server.base_url, **prices))
    assert of(found, "price").found == "$2 in, $10 out per million tokens, from the config"
    # 900 fresh and 20 + 880 of the second at the input price, 40 out: 0.0036 + 0.0004
    assert of(found, "request").figure == pytest.approx((0.004, "USD"))
    assert "$0.0040" in of(found, "request").found


async def test_servers_that_cannot_be_reached(tmp_path: Path) -> None:
    refused = model("openai", f"http://127.0.0.1:{free_port()}/v1")
    unknown = model("ollama", "http://no-such-model.invalid:11434")
    found = await look(tmp_path, refused, unknown)
    assert steps(found) == [("settings", "ok"), ("TCP", "failed"), ("settings", "ok"), ("DNS", "failed")]


@pytest.mark.parametrize("base_url", ["127.0.0.1:8080/v1", "http://", "http://h:notaport/v1", "ftp://h/v1"])
async def test_an_address_that_is_none(tmp_path: Path, base_url: str) -> None:
    found = await look(tmp_path, model("openai", base_url))
    assert steps(found) == [("settings", "failed")]
    assert "http(s)://HOST" in found[0].mend


async def test_a_model_no_lane_asks_and_the_playbook(tmp_path: Path) -> None:
    async with OfferingServer("openai", FRESH, CACHED) as server:
        config = model("openai", server.base_url)
        found = await look(
            tmp_path, best=config, local=config, spare=config, rules=model("playbook", None, model="")
        )
    idle = next(check for check in found if check.subject == "model spare")
    assert (idle.state, "no lane asks it" in idle.found) == ("warn", True)
    assert steps(found)[-1] == ("settings", "ok")
    assert found[-1].subject == "model rules"


async def test_models_of_one_server_of_ones_own_take_turns_and_others_do_not(tmp_path: Path) -> None:
    slow = [Wait(0.4), *FRESH]
    async with OfferingServer("openai", slow) as one, OfferingServer("openai", slow) as other:
        alike = [model("openai", one.base_url), model("openai", one.base_url)]
        began = time.monotonic()
        found = await look(tmp_path, *alike, model("openai", other.base_url))
        took = time.monotonic() - began
        assert (one.asked_at_once, len(one.requests), len(other.requests)) == (1, 4, 2)
    assert [check.check for check in found] == WELL * 3
    assert took > 4 * 0.4


async def test_one_model_has_a_bound_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_part, "PART_S", 1.0)
    async with OfferingServer("anthropic", [Pings()]) as server:
        began = time.monotonic()
        found = await look(tmp_path, model("anthropic", server.base_url, first_token_timeout_s=60.0))
        assert time.monotonic() - began < 20
        await server.until_open(0)
    assert of(found, "request").found == "not through with it within 1 s"
