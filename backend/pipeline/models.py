"""The configured models: providers, slots, breakers and prices, put together into a ladder per lane."""

import asyncio
import functools
from collections.abc import Callable

from backend.alerts.text import safe
from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Caller, Rung
from backend.analysis.ladder import Ladder
from backend.analysis.ledger import Ledger, LedgerEntry
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.answers import answer
from backend.analysis.playbook.wire import stream_playbook
from backend.api import CostView, ModelView
from backend.clock import Clock
from backend.lanes import LANES
from backend.pipeline.slots import ModelSlots
from backend.providers.base import Provider
from backend.providers.config import ProviderConfig
from backend.providers.limits import Limits, limited
from backend.providers.prices import Price, price_for
from backend.providers.registry import open_provider, warm
from backend.settings import ModelConfig, Settings, SettingsError, secret

PACE_S = 0.03
"""Between two pieces of the playbook's narrative while somebody watches it: a reading speed."""
MIN_WORKERS = 4


class _Model:
    """One configured model with what its callers share."""

    def __init__(self, name: str, config: ModelConfig, provider: Provider, clock: Clock) -> None:
        self.name = name
        self.config = config
        self.provider = provider
        self.slots = ModelSlots(config.max_concurrency)
        self.breaker = Breaker(clock)
        self.price: Price | None = None


class Models:
    """Everything that answers. `open` before use; ladders of several lanes share their models' limits."""

    def __init__(
        self, settings: Settings, clock: Clock, sink: Callable[[LedgerEntry], None], *, paced: bool
    ) -> None:
        """Check the configuration; nothing is imported or connected yet. `paced`: somebody may be watching.

        Raises:
            SettingsError: a key can't be had, or a provider is not available.
        """
        self._settings = settings
        self._clock = clock
        self._paced = paced
        self._models = {
            name: _Model(name, config, _provider(name, config, clock), clock)
            for name, config in settings.models.items()
            if config.provider != "playbook"
        }
        self.ledger = Ledger(clock, sink)
        limits = settings.budget
        self._budget = Budget(
            self.ledger,
            usd_per_hour=limits.usd_per_hour,
            usd_per_day=limits.usd_per_day,
            reserve_for_critical=limits.reserve_for_critical,
        )
        self._at_once: dict[str, Ladder] = {}
        self._reading_speed: dict[str, Ladder] = {}

    async def open(self) -> None:
        """Import what will be needed and look up prices, in threads."""
        if self._models:
            await warm([model.config.provider for model in self._models.values()])
        await Ladder.warm()
        for model in self._models.values():
            config = model.config
            model.price = await asyncio.to_thread(
                functools.partial(
                    price_for,
                    config.provider,
                    config.model,
                    base_url=config.base_url,
                    usd_per_mtok_input=config.usd_per_mtok_input,
                    usd_per_mtok_output=config.usd_per_mtok_output,
                )
            )
        caller = Caller(self._clock, self.ledger, self._budget, limited)
        for lane in LANES:
            self._at_once[lane] = self._ladder(lane, caller, 0.0)
            self._reading_speed[lane] = self._ladder(lane, caller, PACE_S if self._paced else 0.0)

    async def close(self) -> None:
        """Close the models' connections."""
        for model in self._models.values():
            await model.provider.close()

    def ladder(self, lane: str, *, watched: bool) -> Ladder:
        """A lane's fallback chain; `watched` lets the playbook write at reading speed."""
        return (self._reading_speed if watched else self._at_once)[lane]

    @property
    def workers(self) -> int:
        """How many alerts may be analysed at once: as many as there are slots to answer them."""
        return max(MIN_WORKERS, sum(model.slots.size for model in self._models.values()))

    def views(self) -> tuple[ModelView, ...]:
        """The models for a snapshot."""
        return tuple(
            ModelView(
                name=model.name,
                spec=str(safe(f"{model.config.provider}:{model.config.model}")),
                busy=model.slots.busy,
                slots=model.slots.size,
                state=model.breaker.state,
                detail=str(safe(model.breaker.detail, 160)),
            )
            for model in self._models.values()
        )

    def cost(self) -> CostView:
        """The ledger for a snapshot, with what the budget is doing, in words."""
        limits = self._settings.budget
        note = ""
        for lane, who in (("critical", "every lane"), ("high", "all but the critical lane")):
            allowed, why = self._budget.allows(lane, 1e-6)
            if not allowed:
                note = f"{why}: the playbook answers for {who}"
                break
        unpriced = [m.name for m in self._models.values() if m.price is not None and not m.price.known]
        if not note and unpriced:
            note = f"no price known for {', '.join(unpriced)}: counted as $0; set usd_per_mtok_*"
        return self.ledger.view(
            hour_budget_usd=limits.usd_per_hour, day_budget_usd=limits.usd_per_day, note=str(safe(note, 200))
        )

    def trouble(self) -> list[str]:
        """What is wrong with a model now, one line each."""
        return [
            str(safe(f"model {m.name} ({m.config.provider}:{m.config.model}): {m.breaker.detail}", 200))
            for m in self._models.values()
            if m.breaker.state != "ready"
        ]

    def _ladder(self, lane: str, caller: Caller, pace: float) -> Ladder:
        chain = []
        for name in self._settings.chain(lane):
            if name not in self._models:  # the playbook: what stands behind it would never be asked
                break
            chain.append(self._rung(self._models[name], lane))
        return Ladder(
            chain,
            caller,
            self._clock,
            playbook=functools.partial(stream_playbook, clock=self._clock, pace=pace),
            playbook_judge=judge if pace <= 0 else None,
            playbook_answer=answer,
        )

    @staticmethod
    def _rung(model: _Model, lane: str) -> Rung:
        config = model.config
        assert model.price is not None  # noqa: S101  # `open` has looked it up
        return Rung(
            name=model.name,
            provider=model.provider,
            limits=Limits(config.first_token_timeout_s, config.idle_timeout_s, config.total_timeout_s),
            price=model.price,
            slots=model.slots.lane(lane),
            breaker=model.breaker,
            max_tokens=config.max_tokens,
        )


def _provider(name: str, config: ModelConfig, clock: Clock) -> Provider:
    key = secret(config.api_key_env, config.api_key_file, f"[models.{name}]")
    try:
        return open_provider(
            ProviderConfig(
                config.provider,
                config.model,
                api_key=key,
                base_url=config.base_url,
                read_timeout_s=max(
                    config.first_token_timeout_s, config.idle_timeout_s, config.total_timeout_s
                ),
            ),
            clock,
        )
    except ValueError as error:
        raise SettingsError(f"[models.{name}]: {error}") from error
