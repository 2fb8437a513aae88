"""All checks of a configuration: several parts at once, told in the order of the file."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog

from backend.clock import Clock, SystemClock
from backend.doctor import config, enrichment, journal, model, patterns, sinks, source
from backend.doctor.report import Check, Report, Stopped
from backend.settings import Settings

log = structlog.get_logger("doctor")

AT_ONCE = 8
"""Parts looked at side by side, so that a few that give no answer do not add up."""

Part = tuple[str, Callable[[Report], Awaitable[None]]]


async def run_doctor(
    settings: Settings, *, config_file: Path | None = None, spend: bool = True, clock: Clock | None = None
) -> AsyncIterator[Check]:
    """Check everything that `settings` name, one `Check` a step, as they come.

    `config_file` is the one that was asked for, if any. Nothing is changed anywhere, but for a file that is
    made beside a file sink's and removed at once. No step takes longer than `report.STEP_S`, but for the two
    short requests to each model, which have the model's own limits; without `spend`, those that cost money
    are not made.
    """
    clock = clock or SystemClock()
    parts = _parts(settings, config_file, spend=spend)
    gate = asyncio.Semaphore(AT_ONCE)
    queues: list[asyncio.Queue[Check | None]] = [asyncio.Queue() for _ in parts]  # a few checks each
    tasks = [
        asyncio.create_task(_examine(part, queue, gate, clock))
        for part, queue in zip(parts, queues, strict=True)
    ]
    try:
        for queue in queues:
            while (check := await queue.get()) is not None:
                yield check
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _parts(settings: Settings, config_file: Path | None, *, spend: bool) -> list[Part]:
    parts: list[Part] = [
        ("config", functools.partial(config.examine, settings=settings, config_file=config_file)),
        ("journal", functools.partial(journal.examine, home=Path(settings.home))),
    ]
    for number, one in enumerate(settings.sources):
        looking = functools.partial(source.examine, settings=settings, number=number)
        parts.append((f"source {one.uri}", looking))
    parts += _models(settings, spend=spend)
    parts += enrichment.parts(settings.enrichment)
    parts += patterns.parts(settings.patterns)
    for number, sink in enumerate(settings.sinks):
        parts.append((f"sink {sink.uri}", functools.partial(sinks.examine, settings=settings, number=number)))
    return parts


def _models(settings: Settings, *, spend: bool) -> list[Part]:
    turns: dict[str, asyncio.Lock] = {}
    parts: list[Part] = []
    for name, one in settings.models.items():
        turn = turns.setdefault(model.server_name(one) or name, asyncio.Lock())
        looking = functools.partial(model.examine, settings=settings, name=name, spend=spend, turn=turn)
        parts.append((f"model {name}", looking))
    return parts


async def _examine(
    part: Part, queue: "asyncio.Queue[Check | None]", gate: asyncio.Semaphore, clock: Clock
) -> None:
    subject, look = part
    loop = asyncio.get_running_loop()

    def put(check: Check | None) -> None:
        """In order, from any thread: some checks are made where blocking calls are."""
        loop.call_soon_threadsafe(queue.put_nowait, check)

    report = Report(subject, clock, put)
    try:
        async with gate:
            await look(report)
    except Stopped:
        pass
    except Exception as error:  # the other parts are looked at all the same
        log.exception("a check broke", part=subject)
        report.bad(
            "doctor", f"this check broke: {type(error).__name__}: {error}", "report it with the log above"
        )
    finally:
        put(None)
