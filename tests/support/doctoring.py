"""Runs doctor over settings made for a test."""

from pathlib import Path

from backend.doctor import Check, run_doctor
from backend.settings import Settings, SourceConfig


def settings_for(home: Path, *sources: str | SourceConfig) -> Settings:
    """Settings as `load` would make them of these sources."""
    configs = [SourceConfig(uri=one) if isinstance(one, str) else one for one in sources]
    return Settings(sources=configs, home=str(home / "home"))


async def checks(settings: Settings, subject: str = "source") -> list[Check]:
    """Every check of the parts whose subject begins so."""
    return [check async for check in run_doctor(settings) if check.subject.startswith(subject)]


async def check_source(home: Path, source: str | SourceConfig) -> list[Check]:
    """Every check of one source."""
    return await checks(settings_for(home, source))


def steps(found: list[Check]) -> list[tuple[str, str]]:
    """Step and state of each."""
    return [(check.check, check.state) for check in found]
