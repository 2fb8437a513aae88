"""Sinks: whether a verdict record could be delivered now; none is."""

import contextlib
import os
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from backend.actions.base import SinkError
from backend.actions.registry import open_sink
from backend.doctor.disk import nearest_folder, trouble_with
from backend.doctor.report import Report, halves
from backend.doctor.threads import in_thread
from backend.settings import Settings, SinkConfig


async def examine(report: Report, settings: Settings, number: int) -> None:
    """Look at the sink at index `number`. Raises `Stopped` at its first failure."""
    uri = settings.sinks[number].uri
    try:
        name = (await in_thread(lambda: open_sink(uri))).name
    except SinkError as error:
        report.fail("address", *halves(error, f"sink '{uri}'", f"sink {uri}"))
    if name in await in_thread(lambda: _names(settings.sinks[:number])):
        report.fail("address", f"{name} is configured twice", "leave one of them out")
    parts = urlsplit(uri)
    report.ok("address", f"{parts.scheme} sink")
    if parts.scheme == "file":
        await _file(report, Path(unquote(parts.path)))


def _names(configs: list[SinkConfig]) -> set[str]:
    names = set()
    for config in configs:
        with contextlib.suppress(SinkError):
            names.add(open_sink(config.uri).name)
    return names


async def _file(report: Report, path: Path) -> None:
    mend = "look at the disk: a network file system that is away makes everything on it wait"
    async with report.within("folder", f"no answer about {path} from the file system", mend):
        await in_thread(lambda: _writable(report, path))


def _writable(report: Report, path: Path) -> None:
    folder = nearest_folder(path.parent)
    mend = "let the user that runs watchfloor write there, or name another file"
    if path.is_dir():
        report.fail("folder", f"{path} is a folder", "name a file in it, such as verdicts.ndjson")
    if path.exists() and not os.access(path, os.W_OK):
        report.fail("folder", f"{path} can't be written to", mend)
    trouble = trouble_with(folder)
    if trouble:
        report.fail("folder", trouble, mend)
    if folder != path.parent:
        report.ok("folder", f"{path.parent} is made with the first delivery")
        return
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".watchfloor-doctor-") as probe:
            probe.write(b"probe\n")
            probe.flush()
    except OSError as error:
        report.fail("folder", f"{folder}: {error.strerror or error}", mend)
    report.ok("folder", f"{folder} can be written to")
