"""The configured models: providers, slots, breakers and prices, put together into a ladder per lane."""

import asyncio
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from backend.alerts.text import safe
from backend.analysis.batch import Batcher
from backend.analysis.batch_prompt import batch_system
from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Audit, Caller, Rung
from backend.analysis.first_ask import FirstAsk
from backend.analysis.forecast import Shift
from backend.analysis.ladder import Ladder
from backend.analysis.ledger import Ledger, LedgerEntry
from backend.analysis.likes import Likes
from backend.analysis.model import Analysis
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.answers import answer
from backend.analysis.playbook.wire import stream_playbook
from backend.analysis.prompts import system_prompt
from backend.analysis.race import HEDGE_SHARE
from backend.analysis.rates import Gate
from backend.analysis.savings import Savings
from backend.api import CostView, ModelView
from backend.clock import Clock
from backend.lanes import LANES
from backend.order_views import RoomView
from backend.pipeline.first_asks import first_ask
from backend.pipeline.foresight import Foresight, LateAllowance, SpareAllowance
from backend.pipeline.gates import protected
from backend.pipeline.private import open_privacy, rule_of
from backend.pipeline.prompt_caches import PromptCaches
from backend.pipeline.provider_config import provider_config
from backend.pipeline.rooms import TYPICAL_TOKENS, room
from backend.pipeline.slots import NOBODY_WAITS, ModelSlots, door_of, late_door
from backend.providers.base import Provider, Warmable
from backend.providers.limits import Limits, limited
from backend.providers.prices import Price, price_for
from backend.providers.prompt_cache import least_tokens
from backend.providers.registry import open_provider, warm
from backend.settings import ModelConfig, Settings, SettingsError

PACE_S = 0.03
"""Between two pieces of the playbook's narrative while somebody watches it: a reading speed."""
MIN_WORKERS = 4
WARM_EVERY_S = 240.0
"""A connection that lies idle is renewed before `renewing.KEEPALIVE_S` ends it."""


class _Model:
    """One configured model with what its callers share."""

    def __init__(self, name: str, config: ModelConfig, provider: Provider, clock: Clock) -> None:
        self.name = name
        self.config = config
        self.provider = provider
        self.slots = ModelSlots(config.max_concurrency)
        self.breaker = Breaker(clock)
        self.gate = Gate(
            requests_per_minute=config.requests_per_minute, tokens_per_minute=config.tokens_per_minute
        )
        self.price: Price | None = None
        self.cached_from = least_tokens(config.provider, config.model, config.base_url)
        """Tokens from which its vendor caches a prefix on request; None where it does not."""

    def limited(self, now: float, lane: str) -> bool:
        """Whether a call made now would have to wait for a slot or a rate limit."""
        if self.slots.full(lane):
            return True
        refused = self.breaker.detail.startswith("rate_limited")
        return refused or self.gate.wait_s(now, TYPICAL_TOKENS, urgent=False) > 0


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
            name: _Model(name, config, self._opened(name, config), clock)
            for name, config in settings.models.items()
            if config.provider != "playbook"
        }
        self._sink = sink
        self.ledger = Ledger(clock, self._booked)
        limits = settings.budget
        self._budget = Budget(
            self.ledger,
            usd_per_hour=limits.usd_per_hour,
            usd_per_day=limits.usd_per_day,
            reserve_for_critical=limits.reserve_for_critical,
            shift=Shift(clock.wall_ms(), hours=limits.shift_hours, starts=limits.shift_start),
        )
        self._savings = Savings(self.ledger, self._budget.spared)
        self._likes = Likes(clock.mono)
        self._privacy = open_privacy(settings)
        self.audit: Audit | None = None
        """Is handed the bytes that each call puts on the wire; set before `open`."""
        self._at_once: dict[str, Ladder] = {}
        self._reading_speed: dict[str, Ladder] = {}
        self._spare: dict[str, Ladder] = {}
        self._late: dict[str, Ladder] = {}
        self._batchers: dict[str, Batcher | None] = {}
        self._warming: asyncio.Task[None] | None = None

    def _opened(self, name: str, config: ModelConfig) -> Provider:
        """The model's provider; a simulation has its own. Raises `SettingsError`."""
        return open_model(name, config, self._clock)

    async def open(self, foresight: Foresight | None = None) -> None:
        """Import what will be needed and look up prices, in threads.

        `foresight` holds the share of calls nobody asked for; without it there are none.
        """
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
        self._budget.plan({lane: self._priced(lane) for lane in LANES})
        caller = Caller(self._clock, self.ledger, self._budget, limited, self.audit)
        for lane in LANES:
            self._at_once[lane] = self._ladder(lane, caller, 0.0)
            self._reading_speed[lane] = self._ladder(
                lane, caller, PACE_S if self._paced else 0.0, door=_person_waits(lane)
            )
            if foresight is not None:
                allowance = SpareAllowance(self._budget, foresight, self.ledger)
                spare = Caller(self._clock, self.ledger, allowance, limited, self.audit)
                self._spare[lane] = self._ladder(lane, spare, 0.0, door=NOBODY_WAITS)
            late = Caller(self._clock, self.ledger, LateAllowance(self._budget), limited, self.audit)
            self._late[lane] = self._ladder(lane, late, 0.0, door=late_door(lane))

        self._warming = asyncio.create_task(self._keep_warm())

    async def close(self) -> None:
        """Close the models' connections."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        for model in self._models.values():
            await model.provider.close()

    async def _keep_warm(self) -> None:
        """Have a connection open to each model when the first alert comes, and after a quiet hour."""
        warmable = [model.provider for model in self._models.values() if isinstance(model.provider, Warmable)]
        while warmable:
            await asyncio.gather(*(provider.warm() for provider in warmable))
            await self._clock.sleep(WARM_EVERY_S)

    def ladder(self, lane: str, *, watched: bool) -> Ladder:
        """A lane's fallback chain; `watched` lets the playbook write at reading speed."""
        return (self._reading_speed if watched else self._at_once)[lane]

    def batcher(self, lane: str) -> Batcher | None:
        """Who answers several alerts of a lane in one request; None where no model does."""
        if lane not in self._batchers:
            chain = self._rungs(lane, lane)
            caller = Caller(self._clock, self.ledger, self._budget, limited, self.audit)
            names = protected(self._settings.policy)
            chain = [replace(one, system=batch_system(self._models[one.name].cached_from)) for one in chain]
            self._batchers[lane] = (
                Batcher(chain, caller, self._clock, judge=judge, privacy=self._privacy, protected=names)
                if chain
                else None
            )
        return self._batchers[lane]

    def spare_ladder(self, lane: str) -> Ladder:
        """A lane's models for calls nobody asked for: in slots that no lane wants, within their share."""
        return self._spare[lane]

    def late_ladder(self, lane: str) -> Ladder:
        """A lane's models for alerts that got a stand-in's verdict: behind the lane's own, in no hurry."""
        return self._late[lane]

    def has_time(self, lane: str, probe: bool) -> bool:
        """Whether a model of a lane, with `probe` also one that may be back, has a slot nobody waits for."""
        now = self._clock.mono()
        return any(
            not (model.breaker.blocked() if probe else model.breaker.state != "ready")
            and model.slots.has_spare
            and model.gate.wait_s(now, TYPICAL_TOKENS, urgent=False) <= 0
            for model in self._chain(lane)
        )

    def has_spare(self, lane: str) -> bool:
        """Whether the model that a lane asks first has a slot that nobody needs."""
        first = next(iter(self._settings.chain(lane)), "")
        model = self._models.get(first)
        return model is not None and model.breaker.state == "ready" and model.slots.has_spare

    def prompt_caches(
        self, at_work: Callable[[str], int], requests: Callable[[str], int] = lambda _lane: 0
    ) -> PromptCaches:
        """What warms the caches of the models that lanes ask first; arguments as `PromptCaches` has them."""
        caller = Caller(self._clock, self.ledger, self._budget, limited, self.audit)
        caches = PromptCaches(caller, self._clock, at_work, requests)
        first = [(lane, model) for lane in LANES for model in self._chain(lane)[:1]]
        for lane, model in first:
            several = self._settings.mode(lane) == "batch"
            caches.add(lane, self._rung(model, lane), model.slots.size, model.cached_from, several=several)
        return caches

    def rooms(self, lane: str) -> tuple[RoomView, ...]:
        """A lane's models with the room that their slots and rate limits leave it."""
        now = self._clock.mono()
        return tuple(room(m.name, lane, (m.slots, m.gate, m.breaker), now) for m in self._chain(lane))

    def on_need(self, give_way: Callable[[], bool], preempt: Callable[[int], bool]) -> None:
        """Have `give_way` called when an urgent lane waits for a slot that a call nobody asked for holds.

        And `preempt` with the alert whose stream a critical one needs the slot of.
        """
        for model in self._models.values():
            model.slots.give_way, model.slots.preempt = give_way, preempt

    def admits(self, lane: str) -> bool:
        """Whether a lane's work has a model to go to, as far as slots and rate limits go.

        False only where all its models would have to be waited for because of their limits: the configured
        ones, or what the vendor's headers and refusals say. Where they are down the playbook answers.
        """
        chain = self._chain(lane)
        now = self._clock.mono()
        limited = [model.limited(now, lane) for model in chain]
        free = [not one and model.breaker.state == "ready" for one, model in zip(limited, chain, strict=True)]
        return any(free) or not any(limited)

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
        view = self._budget.view()
        unpriced = [m.name for m in self._models.values() if m.price is not None and not m.price.known]
        if view.note or not unpriced:
            return view
        note = f"no price known for {', '.join(unpriced)}: counted as $0; set usd_per_mtok_*"
        return msgspec.structs.replace(view, note=str(safe(note, 200)))

    def analysed(self, lane: str, analysis: Analysis) -> None:
        """An alert has its verdict: book what it saved that no call of its own was made."""
        self._savings.analysed(lane, analysis)

    def folded(self, lane: str, count: int) -> None:
        """So many alerts inherited a verdict: book what their own calls would have cost."""
        self._savings.folded(lane, count)

    def _booked(self, entry: LedgerEntry) -> None:
        self._sink(entry)
        self._savings.booked(entry)

    def trouble(self) -> list[str]:
        """What is wrong with the money or with a model now, one line each."""
        return [
            *filter(None, [self._budget.trouble()]),
            *self._model_trouble(),
        ]

    def _model_trouble(self) -> list[str]:
        return [
            str(safe(f"model {m.name} ({m.config.provider}:{m.config.model}): {m.breaker.detail}", 200))
            for m in self._models.values()
            if m.breaker.state != "ready"
        ]

    def _chain(self, lane: str) -> list[_Model]:
        """A lane's models up to the playbook: what stands behind that would never be asked."""
        names = itertools.takewhile(self._models.__contains__, self._settings.chain(lane))
        return [self._models[name] for name in names]

    def _priced(self, lane: str) -> list[tuple[str, Price]]:
        return [
            (f"{model.provider.provider}:{model.provider.model}", model.price)
            for model in self._chain(lane)
            if model.price is not None
        ]

    def _ladder(self, lane: str, caller: Caller, pace: float, *, door: str = "") -> Ladder:
        """`door`: the lane whose turn its calls have at the slots, where that is not its own."""
        chain = self._rungs(lane, door or lane)
        return Ladder(
            chain,
            caller,
            self._clock,
            playbook=functools.partial(stream_playbook, clock=self._clock, pace=pace),
            playbook_judge=judge if pace <= 0 else None,
            playbook_answer=answer,
            likes=self._likes,
            reuses=not door,  # a person who asks gets an answer of its own
            hedge_after_s=None if door == late_door(lane) else self._hedge_after_s(lane, chain),
            protected=protected(self._settings.policy),
            privacy=self._privacy,
            first=None if door else self._first_ask(lane, chain),  # who asks or watches gets it whole
        )

    def _first_ask(self, lane: str, chain: Sequence[Rung]) -> FirstAsk | None:
        """The small model that a lane asks first, where it has one."""
        config = self._settings.lanes.get(lane)
        model = self._models.get(config.first_ask or "") if config is not None else None
        if model is None:
            return None
        return first_ask(
            self._rung(model, lane),
            chain,
            lane=lane,
            savings=self._savings,
            policy=self._settings.policy,
        )

    def _hedge_after_s(self, lane: str, chain: Sequence[Rung]) -> float | None:
        """How long a lane's model may be silent before the next is started beside it; None never is."""
        config = self._settings.lanes.get(lane)
        if config is not None and config.hedge_after_s is not None:
            return config.hedge_after_s or None
        if lane != "critical" or len(chain) < 2:
            return None
        return chain[0].limits.first_token_s * HEDGE_SHARE

    def _rungs(self, lane: str, door: str) -> list[Rung]:
        models = self._chain(lane)
        return [self._rung(model, door, last=model is models[-1]) for model in models]

    @staticmethod
    def _rung(model: _Model, door: str, *, last: bool = False) -> Rung:
        config = model.config
        assert model.price is not None  # noqa: S101  # `open` has looked it up
        return Rung(
            name=model.name,
            provider=model.provider,
            limits=Limits(config.first_token_timeout_s, config.idle_timeout_s, config.total_timeout_s),
            price=model.price,
            slots=door_of(model.slots, door),
            breaker=model.breaker,
            max_tokens=config.max_tokens,
            gate=model.gate,
            last=last,
            system=system_prompt(model.cached_from),
            privacy=rule_of(config),
        )


def _person_waits(lane: str) -> str:
    """The lane whose turn a call has that a person waits for: right after critical."""
    return lane if lane == "critical" else "high"


def open_model(name: str, config: ModelConfig, clock: Clock) -> Provider:
    """The provider of `[models.NAME]`, with its secrets read; connects to nothing yet. Blocks.

    Raises:
        SettingsError: its key can't be had, or the provider is not available.
    """
    try:
        return open_provider(provider_config(name, config), clock)
    except ValueError as error:
        raise SettingsError(f"[models.{name}]: {error}") from error
