"""What the configuration says of privacy, put into force: who is told what, and what was sent is kept."""

import functools
import os
import zlib
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from backend.alerts.model import Alert, DataClass
from backend.analysis.guardrails.privacy import Privacy, PrivacyRules
from backend.analysis.ledger import LedgerEntry
from backend.clock import Clock
from backend.journal import outcomes
from backend.journal.sent import SentBody, SentStore
from backend.journal.store import Journal
from backend.providers.base import ModelRequest
from backend.providers.config import is_local
from backend.settings import ModelConfig, PrivacyConfig, Settings, SettingsError, SourceConfig

_STRICTNESS: tuple[DataClass, ...] = ("cloud-ok", "pseudonymise", "local-only")


def open_privacy(settings: Settings) -> Privacy:
    """The rules of `[privacy]`.

    Raises:
        SettingsError: one of its networks is none.
    """
    config = settings.privacy
    try:
        return Privacy(
            PrivacyRules(
                tuple(config.own_domains), tuple(config.own_networks), tuple(config.names), config.fields
            )
        )
    except ValueError as error:
        raise SettingsError(f"[privacy] own_networks: {error}") from error


def rule_of(config: ModelConfig) -> DataClass:
    """What a model may be told: what its table says, else everything on one's own network, else pseudonyms.

    Ollama's cloud models answer at the local address and are none of one's own.
    """
    if config.privacy is not None:
        return config.privacy
    address = config.base_url
    if config.provider == "ollama":
        if config.model.endswith(("-cloud", ":cloud")):
            return "pseudonymise"
        address = address or os.environ.get("OLLAMA_HOST") or "http://127.0.0.1"
    return "local-only" if is_local(address) or _is_any(address) else "pseudonymise"


def _is_any(address: str | None) -> bool:
    """Ollama's own way to say "all addresses of this machine"."""
    return (address or "").removeprefix("http://").startswith("0.0.0.0")  # noqa: S104 - compared, not bound


class DataClasses:
    """The class of each source's data. One that is gone from the config keeps what that last said of it.

    A source that nobody knows, not from earlier either, counts as the strictest of those there are.
    """

    def __init__(self, configs: Sequence[SourceConfig], names: Sequence[str]) -> None:
        """`names` are the sources' own, in the order of `configs`."""
        classes: dict[str, DataClass] = {}
        for config, name in zip(configs, names, strict=False):
            classes[name] = config.data
        self._classes = classes
        self._past: dict[str, DataClass] = {}
        self._others: DataClass = max(classes.values(), key=_STRICTNESS.index, default="cloud-ok")

    async def remember(self, journal: Journal) -> None:
        """Take up what earlier configs said of sources that are gone, and keep what this one says."""
        past = await journal.read(lambda reader: reader.source_classes())
        put = functools.partial(outcomes.put_source_classes, classes=dict(self._classes))
        await (await journal.write(put))
        self._past = {
            source: next((one for one in _STRICTNESS if one == data), "local-only")
            for source, data in past.items()
        }

    def of(self, source: str) -> DataClass:
        """What a source allows."""
        return self._classes.get(source) or self._past.get(source, self._others)

    def marked(self, alert: Alert, source: str) -> Alert:
        """`alert` with what its source allows."""
        data = self.of(source)
        return alert if data == alert.data else msgspec.structs.replace(alert, data=data)


class SentLog:
    """Keeps what each call put on the wire, as it was, compressed; old and many ones go."""

    def __init__(
        self,
        journal: Journal,
        spawn: Callable[[Coroutine[object, object, object]], None],
        clock: Clock,
        config: PrivacyConfig,
    ) -> None:
        """Kept for `keep_sent_days`, at most `keep_sent_mb` in all; 0 of either keeps nothing."""
        days, megabytes = config.keep_sent_days, config.keep_sent_mb
        self._journal = journal
        self._spawn = spawn
        self._clock = clock
        self._on = days > 0 and megabytes > 0
        self._store = SentStore(int(days * 86_400_000), int(megabytes * 1_000_000))

    def keep(self, entry: LedgerEntry, request: ModelRequest, host: str, body: bytes) -> None:
        """A request is about to be written: have it stored behind the caller's back."""
        if not self._on:
            return
        sent = SentBody(
            call_id=entry.id,
            alert_id=entry.alert_id,
            wall_ms=self._clock.wall_ms(),
            model=entry.model,
            host=host,
            kind=entry.kind,
            hidden=request.hidden,
            size=len(body),
            body=zlib.compress(body, 6),
        )
        self._spawn(self._journal.write(functools.partial(self._store.put, sent=sent)))
