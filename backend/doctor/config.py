"""The configuration as a whole: which file, and what it names."""

import os
from pathlib import Path

from backend.doctor.report import Report
from backend.doctor.threads import in_thread
from backend.settings import Settings, find_config


async def examine(report: Report, settings: Settings, config_file: Path | None) -> None:
    """Say what is in force. That the file can be read and holds together was seen when it was loaded."""
    async with report.within("file", "the file system gives no answer", "look at the disk the file is on"):
        found = await in_thread(lambda: find_config(config_file))
    counts = (
        (len(settings.sources), "source"),
        (len(settings.models), "model"),
        (len(settings.sinks), "sink"),
    )
    named = ", ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts)
    if found is not None:
        how = " ($WATCHFLOOR_CONFIG)" if config_file is None and os.environ.get("WATCHFLOOR_CONFIG") else ""
        report.ok("file", f"{found}{how}: {named}")
    elif settings.demo:
        mend = "write ./watchfloor.toml with [[sources]], or give --source ADDRESS"
        report.warn("file", "no configuration file and no source: the demo feed is shown", mend)
    else:
        report.ok("file", f"none; what the command line says: {named}")
