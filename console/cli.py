"""The command line: `watchfloor` and its commands, with the contract's exit status."""

import difflib
import importlib.metadata
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from backend.engine import (
    BenchError,
    EngineError,
    JournalError,
    ReplayError,
    SettingsError,
    dead_documents,
    documents,
    load_settings,
)
from console.since import SinceError

FELL_SHORT = 1
WRONG_USAGE = 2
INTERRUPTED = 130

app = App(
    name="watchfloor",
    version=lambda: importlib.metadata.version("watchfloor"),
    help="A terminal console for security analysts: live alert streams, triaged with evidence.",
    help_format="plaintext",
    result_action="return_value",
)

Sources = Annotated[
    tuple[str, ...],
    Parameter(name="--source", negative=(), consume_multiple=False, allow_leading_hyphen=True),
]
Dash = Parameter(allow_leading_hyphen=True)
"""For what may be `-`, standard input."""


@app.default
def console(
    *,
    config: Path | None = None,
    source: Sources = (),
    model: str | None = None,
    base_url: str | None = None,
    theme: Literal["dark", "light", "contrast"] | None = None,
    mouse: bool = True,
) -> int:
    """Open the console. With no config and no source it shows the built-in demo feed.

    Parameters
    ----------
    config
        Configuration file (TOML).
    source
        Address of an alert stream; may be given several times.
    model
        PROVIDER:MODEL that answers for every lane; `playbook` needs no model.
    base_url
        Another server that speaks the provider's wire: a gateway, llama.cpp, vLLM.
    theme
        Colours.
    mouse
        Take the mouse; without it the terminal's own selection works.
    """
    from console.run import run_console

    settings = load_settings(config, source, model, base_url)
    if theme is not None:
        settings.ui.theme = theme
    settings.ui.mouse = settings.ui.mouse and mouse
    return run_console(settings)


@app.command
def triage(
    path: Annotated[str, Dash],
    /,
    *,
    format: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    config: Path | None = None,
    output: Literal["ndjson", "table", "markdown"] = "ndjson",
) -> int:
    """Give every alert of a file or of standard input a verdict; one record each on standard output.

    Parameters
    ----------
    path
        A file (gzip too), or - for standard input.
    format
        The alert format; without it the format is recognised from the content.
    model
        PROVIDER:MODEL; without it the config's models answer, or the playbook.
    base_url
        Another server that speaks the provider's wire.
    config
        Configuration file (TOML): models, enrichment, budget.
    output
        ndjson (the verdict records), table, or markdown.
    """
    from console.triage import check_path, run_triage

    if path.startswith("-") and path != "-":
        raise SettingsError(f"unknown option {path} (see watchfloor triage --help)")
    check_path(path)
    settings = load_settings(config, (path,), model, base_url)
    settings.sources[0].format = format
    settings.sinks = []
    return run_triage(settings, output)


@app.command
def worker(
    *,
    config: Path | None = None,
    source: Sources = (),
    model: str | None = None,
    base_url: str | None = None,
    until_idle: bool = False,
) -> int:
    """Run the pipeline without a screen.

    Parameters
    ----------
    config
        Configuration file (TOML).
    source
        Address of an alert stream; may be given several times.
    model
        PROVIDER:MODEL that answers for every lane.
    base_url
        Another server that speaks the provider's wire.
    until_idle
        End when every source is at its end or caught up and nothing is left to do.
    """
    from console.worker import run_worker

    return run_worker(load_settings(config, source, model, base_url), until_idle=until_idle)


@app.command
def replay(
    path: Path | None = None,
    /,
    *,
    to: Annotated[str, Dash],
    dead_letters: bool = False,
    rate: Annotated[float | None, Parameter(name="--rate")] = None,
    speed: float | None = None,
    loop: bool = False,
) -> int:
    """Send alerts from a file into a stream.

    Parameters
    ----------
    path
        The file (gzip too).
    to
        Address of the stream: kafka://, redis://, kinesis://, http://, syslog:// or file://.
    dead_letters
        Send the journal's dead letters instead of a file, once what was wrong with them is mended.
    rate
        Records a second.
    speed
        Multiple of the alerts' own timing.
    loop
        Begin again at the end of the file.
    """
    from console.replay import run_replay

    if (path is None) != dead_letters:
        raise ReplayError("replay: name a file, or --dead-letters to send those of the journal; not both")
    home = Path(load_settings().home) if path is None else None
    read = partial(documents, path) if path is not None else partial(dead_documents, home or Path())
    return run_replay(read, to, rate=rate, speed=speed, loop=loop)


@app.command
def export(
    *,
    config: Path | None = None,
    since: str = "",
    output: Literal["ndjson", "csv"] = "ndjson",
    dead_letters: bool = False,
) -> int:
    """Write the journal's verdict records, oldest first.

    Parameters
    ----------
    config
        Configuration file (TOML), for sources with a mapping of their own.
    since
        Only what was received in this time: 90m, 8h, 2d, or from an ISO time on. All unless given.
    output
        ndjson or csv.
    dead_letters
        List the records that could not be read instead.
    """
    from console.export import run_export

    return run_export(load_settings(config), since, output, dead_letters=dead_letters)


@app.command
def doctor(
    *,
    config: Path | None = None,
    source: Sources = (),
    model: str | None = None,
    base_url: str | None = None,
    spend: bool = True,
    json: bool = False,
) -> int:
    """Check config, sources, models, enrichment, journal and sinks for real; say how to mend each failure.

    Nothing is changed and nothing consumed: no group is joined or created, no offset committed. Each model
    is asked twice, at a fraction of a cent where it costs money at all.

    Parameters
    ----------
    config
        Configuration file (TOML).
    source
        Address of an alert stream to check instead of the file's; may be given several times.
    model
        PROVIDER:MODEL to check instead of the file's models.
    base_url
        Another server that speaks the provider's wire.
    spend
        Make the short requests that cost money; local models are asked in any case.
    json
        One JSON object a check instead of text.
    """
    from console.doctor import run_doctor_command

    return run_doctor_command(config, source, model, base_url, spend=spend, as_json=json)


@app.command
def bench(
    what: str = "all",
    *,
    kafka: str | None = None,
    records: int = 60_000,
    rounds: int = 3,
    calls: int = 200,
    seconds: float = 12.0,
    seed: int = 1,
    real: bool = False,
    corpus: Path | None = None,
    scale: float = 1.0,
    alerts: Path | None = None,
    labels: Path | None = None,
    base_url: str = "",
    model: str = "",
    cases: int = 40,
    json: bool = False,
) -> int:
    """Measure this machine: every figure beside its peer in the same run, as a ratio.

    Parameters
    ----------
    what
        ingest (Kafka to journal), stream (a model's tokens to transcript and screen), screen (ingest with the
        console open), storm (storms, outages and a day under a virtual clock), patterns (raw lines mined),
        guard (what a model can do that obeys whoever writes the alerts), ahead (waiting at an opened alert
        with looking ahead and without, 15 minutes), cost (recorded alerts at their own times: dollars
        beside each to the best model, and what of an attack is seen), or all but ahead and cost.
    kafka
        HOST:PORT of a broker to measure with; a packaged one is started unless given.
    records
        Alerts per round of ingest and screen; patterns mines ten times as many lines.
    rounds
        Rounds per side, taken by turns; the median counts.
    calls
        Model calls per side and vendor of stream, taken by turns.
    seconds
        How long each steady part of stream lasts.
    seed
        Of storm and ahead: the same seed takes the same course.
    real
        Of storm: one short storm in real time instead, half a minute.
    corpus
        Of guard: a folder of public prompt injections (spikee, garak …), added to the built-in ones.
    scale
        Of ahead: below 1 shortens every time alike, the feed's, the model's and the analyst's.
    alerts
        Of cost: a file of alerts, one as JSON a line, gzipped or not.
    labels
        Of cost: CSV with a header: line (the header is line 1), attack phase and, if known, its action.
    base_url
        Of guard: a server behind the OpenAI wire (llama.cpp, vLLM), to try a real model instead.
    model
        Of guard, with base-url: the model's name; the server's first one unless given.
    cases
        Of guard, with base-url: how many attacks are tried, one after the other.
    json
        One JSON object a benchmark instead of text; stream gives two, storm one a scenario.
    """
    from msgspec import structs

    from console.bench import BenchSizes, run_bench

    sizes = BenchSizes(records, rounds, calls, seconds, seed, real, corpus, scale, kafka, alerts, labels)
    sizes = structs.replace(sizes, base_url=base_url, model=model, cases=cases)
    return run_bench(what, sizes, as_json=json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The `watchfloor` script. Ends the process: 0, 1 (fell short), 2 (wrong usage, one line says why)."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False)
    except UnusedCliTokensError as error:
        status = _wrong(_unused(error.unused_tokens or []))
    except CycloptsError as error:
        status = _wrong(" ".join(str(error).split()) + " (see watchfloor --help)")
    except (SettingsError, EngineError, JournalError, ReplayError, SinceError, BenchError) as error:
        status = _wrong(str(error))
    except BrokenPipeError:
        _silence_stdout()
        status = 0
    except OSError as error:
        status = _wrong(f"{error.strerror or error}", FELL_SHORT)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if sys.stdout is not None:
        status = _flushed(status)
    sys.exit(status if isinstance(status, int) else 0)


def _wrong(message: str, status: int = WRONG_USAGE) -> int:
    shown = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    sys.stderr.write(f"watchfloor: {shown}\n")
    return status


def _unused(tokens: Sequence[str]) -> str:
    """What to say to words that no command takes."""
    commands = tuple(name for name in app if not name.startswith("-"))
    near = difflib.get_close_matches(tokens[0], commands, n=1, cutoff=0.5) if tokens else []
    hint = f"did you mean {near[0]}?" if near else f"commands are {', '.join(commands)}"
    return f"don't know what to do with '{' '.join(tokens)}'; {hint} (see watchfloor --help)"


def _flushed(status: object) -> object:
    """Write what is still buffered here, where its failure can be told from a reader that has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    except OSError as error:
        _silence_stdout()
        return _wrong(f"{error.strerror or error}", FELL_SHORT)
    return status


def _silence_stdout() -> None:
    """The reader of our pipe has gone: nothing more may be written, not even at exit."""
    import os

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
