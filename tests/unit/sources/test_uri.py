from pathlib import Path

import pytest

from backend.sources.base import SourceError
from backend.sources.uri import parse_address


def test_kafka_with_several_hosts_and_topics() -> None:
    address = parse_address("kafka://a:9092,[::1]:9093,c/alerts,audit?group=soc&format=wazuh")
    assert address.hosts == (("a", 9092), ("::1", 9093), ("c", 9092))
    assert address.topics == ("alerts", "audit")
    assert address.group == "soc"
    assert address.format == "wazuh"
    assert address.name == "kafka://a:9092,[::1]:9093,c:9092/alerts,audit?group=soc"


def test_the_name_does_not_depend_on_how_it_is_read() -> None:
    plain = parse_address("kafka://a:9092/t?group=g").name
    assert parse_address("kafka://a/t?session_timeout_s=10&group=g&instance=w1&format=okta").name == plain
    assert parse_address("kafka://a/t?group=h").name != plain


def test_redis_database_and_tls() -> None:
    address = parse_address("rediss://cache:6380/2/soc%3Aalerts?group=g&claim_idle_s=5&consumer=w1")
    assert (address.db, address.path, address.tls) == (2, "soc:alerts", True)
    assert address.number("claim_idle_s", 30.0) == 5.0
    assert parse_address("redis://h/alerts").name == "redis://h:6379/0/alerts?group=watchfloor"
    assert parse_address("redis://h/7").path == "7"


def test_what_listens_and_kinesis() -> None:
    web = parse_address("https://[::1]:8443/soc/in?format=ocsf&max_mb=2")
    assert (web.kind, web.hosts, web.path, web.tls) == ("http", (("::1", 8443),), "/soc/in", True)
    assert web.name == "https://[::1]:8443/soc/in"
    assert not parse_address("http://h:1/in").tls
    assert parse_address("syslog://0.0.0.0:514").name == "syslog://0.0.0.0:514"
    stream = parse_address("kinesis://eu-west-1/alerts?endpoint=http://127.0.0.1:5000&key=host")
    assert (stream.hosts, stream.path, stream.query["endpoint"]) == (
        (("eu-west-1", 0),),
        "alerts",
        "http://127.0.0.1:5000",
    )
    assert stream.name == "kinesis://eu-west-1/alerts"
    assert parse_address("redis://h/q?type=list&take=right").name == parse_address("redis://h/q").name


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "eve log.json"
    path.write_text("{}\n")
    bare = parse_address(str(path))
    assert bare.kind == "file" and bare.path == str(path)
    by_address = parse_address(f"file://{str(path).replace(' ', '%20')}?follow=true")
    assert by_address.path == bare.path and by_address.name == bare.name
    assert by_address.flag("follow") and not bare.flag("follow")
    assert parse_address(str(tmp_path / "*.json")).path.endswith("*.json")


def test_a_bare_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").touch()
    assert parse_address("a.json").path == str(tmp_path / "a.json")
    assert parse_address("new.json", must_exist=False).path == str(tmp_path / "new.json")


def test_standard_input_and_demo() -> None:
    assert parse_address("-").kind == "stdin"
    assert parse_address("-?format=cef").format == "cef"
    assert parse_address("demo:").name == "demo:"
    demo = parse_address("demo:?seed=007&speed=2.5")
    assert demo.name == "demo:?seed=7" and demo.number("speed", 1.0) == 2.5


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("kafak://h:1/t", "kafka://HOST:PORT/TOPIC"),
        ("gopher://h/x", "known are kafka"),
        ("kafka://h:1", "topic is missing"),
        ("kafka://h:1/", "topic is missing"),
        ("kafka:///t", "HOST:PORT"),
        ("kafka://h:x/t", "HOST:PORT"),
        ("kafka://h:70000/t", "HOST:PORT"),
        ("kafka://h/t?gruop=g", "did you mean group"),
        ("kafka://h/t?group=", "no value"),
        ("kafka://h/t?format=suricata", "did you mean suricata_eve"),
        ("kafka:h/t", "kafka://HOST:PORT/TOPIC"),
        ("redis://h:1", "stream is missing"),
        ("redis://a,b/s", "one HOST:PORT"),
        ("redis://h/s?claim=3", "claim_idle_s"),
        ("redis://h/s?type=lst", "must be stream or list"),
        ("redis://h/s?take=up", "must be left or right"),
        ("http://h/in", "HOST:PORT to listen on"),
        ("kinesis://eu-west-1", "stream is missing"),
        ("file://etc/x.json", "file:///PATH"),
        ("file:///x?follow=maybe", "true or false"),
        ("syslog://h", "HOST:PORT"),
        ("demo://x", "demo:"),
        ("demo:?seed=x", "whole number"),
        ("demo:?speed=-1", "at least"),
        ("/no/such/file.json", "no such file"),
        ("", "no such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(uri: str, hint: str) -> None:
    with pytest.raises(SourceError, match=hint.replace("?", r"\?")) as caught:
        parse_address(uri)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("uri", ["kafka://me:hunter2@h:1/t", "redis://:hunter2@h:1/s", "kafka://hunter2@h/t"])
def test_credentials_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(SourceError, match="config") as caught:
        parse_address(uri)
    assert "hunter2" not in str(caught.value)


def test_hostile_text_in_an_address_is_made_safe() -> None:
    with pytest.raises(SourceError) as caught:
        parse_address("kafka://h/t?\x1b[31m=1")
    assert str(caught.value).isprintable()
