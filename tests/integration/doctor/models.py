"""Runs doctor over models made for a test."""

from pathlib import Path

from backend.doctor import Check, run_doctor
from backend.providers.base import Usage
from backend.settings import ModelConfig, Settings
from tests.support.vendors import Done, Script, Tokens

WORDS = "one two three four five six seven eight nine ten"
FRESH: Script = [Tokens(WORDS, every_s=0.01), Done(usage=Usage(900, 20))]
CACHED: Script = [Tokens(WORDS, every_s=0.01), Done(usage=Usage(20, 20, cache_read_tokens=880))]
WELL = ["settings", "TCP", "key", "request", "model", "first token", "speed", "cache", "price"]
"""The steps of a model on this machine that is in order."""


def model(provider: str, base_url: str | None, **fields: object) -> ModelConfig:
    """A model's table."""
    table = {"provider": provider, "model": "test-model", "base_url": base_url, **fields}
    return ModelConfig(**table)  # type: ignore[arg-type]  # keyword fields pass through


async def look(
    home: Path, *models: ModelConfig, spend: bool = True, subject: str = "model ", **named: ModelConfig
) -> list[Check]:
    """Every check of models: the first ones are called m1, m2 …"""
    numbered = {f"m{number}": one for number, one in enumerate(models, 1)}
    settings = Settings(models={**numbered, **named}, home=str(home / "home"))
    return [one async for one in run_doctor(settings, spend=spend) if one.subject.startswith(subject)]


def of(found: list[Check], step: str) -> Check:
    """The one check of a step."""
    (check,) = (check for check in found if check.check == step)
    return check
