import pytest

from console.cli import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err.splitlines()


@pytest.fixture(autouse=True)
def alone(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFLOOR_HOME", f"{tmp_path}/home")
    monkeypatch.setenv("XDG_CONFIG_HOME", f"{tmp_path}/config")
    monkeypatch.delenv("WATCHFLOOR_CONFIG", raising=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["triag", "x"], "did you mean triage?"),
        (["bogus"], "commands are triage"),
        (["triage"], "PATH"),
        (["triage", "none.json"], "no such file"),
        (["triage", "."], "folder"),
        (["triage", "kafka://127.0.0.1:1/alerts"], "watchfloor worker --source kafka://127.0.0.1:1/alerts"),
        (["triage", "-", "--output", "xml"], "ndjson"),
        (["triage", "-", "--format", "cefx"], "cef"),
        (["triage", "-", "--model", "opnai:x"], "openai"),
        (["triage", "-", "--config", "none.toml"], "none.toml"),
        (["triage", "-", "--bogus"], "--bogus"),
        (["worker", "--source", "kafak://h/t"], "kafka://"),
        (["worker", "--source", "file:///nowhere/\x1b[31m"], "nowhere"),
        (["export"], "no journal"),
        (["export", "--since", "soon"], "8h"),
        (["replay", "none.json", "--to", "-"], "stdin"),
        (["replay", "none.json", "--to", "file:///tmp/x", "--rate", "0"], "--rate must be above 0"),
        (["replay", "x", "--to", "file:///tmp/x", "--rate", "1", "--speed", "1"], "exclude"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    status, out, err = said(capsys, *arguments)
    assert (status, out, len(err)) == (2, "", 1), err
    assert err[0].startswith("watchfloor: ")
    assert says in err[0]
    assert err[0].isprintable()


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--help")
    assert status == 0
    assert all(command in out for command in ("triage", "worker", "replay", "export"))
