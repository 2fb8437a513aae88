"""Secrets are masked wherever they stand, hashes and other indicators are not, and it costs linear time."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import Fact
from backend.alerts.secrets import LOOKED_AT, mask, mask_named, mask_struct, mask_tree
from backend.alerts.text import safe
from tests.support.planting import FORMS, Planted

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize("number", range(len(FORMS)))
@pytest.mark.parametrize("around", ["plain", "json", "json in json", "sentence"])
def test_every_form_is_masked_in_every_wrapping(number: int, around: str) -> None:
    make, form = FORMS[number]
    secret = make()
    text = form.format(secret)
    carried = {
        "plain": text,
        "json": json.dumps({"message": text}),
        "json in json": json.dumps({"log": json.dumps({"message": text})}),
        "sentence": f"The process wrote {text} and ended.",
    }[around]
    shown = mask(carried)
    assert secret not in shown
    assert "[masked: " in shown
    assert mask(shown) == shown
    if around == "json":
        assert isinstance(json.loads(shown), dict)


@pytest.mark.parametrize(
    "text",
    [
        f"sha256={SHA256}",
        f'{{"hash":{{"sha256":"{SHA256}","md5":"d41d8cd98f00b204e9800998ecf8427e"}}}}',
        "id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 seen",
        "session_id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "Sid: S-1-5-21-996632719-2361334927-4038480536-500",
        "Failed password for invalid user admin from 198.51.100.7 port 22 ssh2",
        "TokenElevationType: %%1936",
        "PublicKeyToken=31bf3856ad364e35",
        "password: reset by the helpdesk",
        'password_last_set="2026-01-02"',
        "pwd=/home/build",
        "https://example.net/a@b?c=d",
        "https://user@example.net/x",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod-db",
        "cmd.exe /c net user /domain",
        "ET ATTACK_RESPONSE Net User Command Response",
        "token=${TOKEN}",
        "Basic authentication was used",
        "risk-management-and-task-scheduling-for-disk-encryption",
        "tls.ja3 a0e9f5d64349fb13191bc781f81f42e1",
    ],
)
def test_indicators_and_ordinary_text_stay(text: str) -> None:
    assert mask(text) is text


def test_a_field_is_masked_by_its_name() -> None:
    assert mask_named("requestParameters.masterUserPassword", "geheim") == "[masked: password]"
    assert mask_named("x.api_key", "a1B2c3D4e5F6g7") == "[masked: key]"
    assert mask_named("file.sha256", SHA256) == SHA256
    assert mask_named("password_policy", "strong") == "strong"
    assert mask_tree({"a": [{"password": "geheim"}]}) == {"a": [{"password": "[masked: password]"}]}


def test_a_struct_that_holds_none_is_the_same_object() -> None:
    fact = Fact(safe("url"), safe("http://example.net"))
    assert mask_struct(fact) is fact
    assert mask_struct((fact,))[0] is fact
    changed = mask_struct(Fact(safe("url"), safe("http://u:hunter2@example.net")))
    assert changed.value == "http://u:[masked: password]@example.net"


def test_a_key_block_that_is_cut_off_is_masked_to_the_end() -> None:
    assert mask("a -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz") == "a [masked: private key]"
    assert mask("-----BEGIN CERTIFICATE-----\nMIIB") == "-----BEGIN CERTIFICATE-----\nMIIB"


def test_what_is_too_long_to_be_looked_through_is_left_out() -> None:
    shown = mask("x" * LOOKED_AT + " password=hunter2")
    assert "hunter2" not in shown
    assert shown.endswith("[masked: too long to be looked through]")


@pytest.mark.parametrize(
    "unit",
    [
        "password=", "token:", "://a:", "mysql ", "eyJ", "sk-", "curl -u ", "a/b:", "cookie ",
        "eyJaaaaaaaaa", "a.",
        "-----BEGIN PRIVATE KEY", "authorization: ", "net user ", "echo ", "--password ",
        "AKIA", "\\\"", "secret ",
    ],
)  # fmt: skip
def test_hostile_length_costs_linear_time(unit: str) -> None:
    def cost(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length] + " password=x"
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            mask(text)
            best = min(best, time.process_time() - began)
        return best

    short, long = cost(10_000), cost(80_000)
    assert long < max(0.02, short * 8 * 3)
    assert long < 1.0


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask(f"password={text}")
    assert mask(once) == once


def test_two_hundred_planted_ones() -> None:
    planted = Planted()
    text = "\n".join(planted.secret() for _ in range(200))
    shown = mask(text)
    assert [secret for secret in planted.secrets if secret in shown] == []
