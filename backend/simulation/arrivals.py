"""What comes in, as a real SOC sees it: rate, severity, rule and entity, the same by the same seed."""

import bisect
import functools
import itertools
import math
import random
from collections.abc import Iterator, Sequence

import msgspec

from backend.lanes import LANES

DAY_S = 86_400.0
_EPOCH_MS = 1_767_225_600_000
"""Where `LoopClock` begins."""
_SEVERITY = {"critical": 5, "high": 4, "medium": 3, "low": 2}


class Mix(msgspec.Struct, frozen=True):
    """Which alerts: shares of the lanes, and how many rules and entities there are.

    Rules and entities are drawn by Zipf's law. With these numbers the first rule has 40 % of a lane's alerts
    and the first ten 80 %; in the labelled AIT alert set (45,544 alerts of 62 rules) it is 32 % and 98 %, and
    the first ten pairs of rule and host have 84 %. So less folds here than there.
    """

    critical: float = 0.001
    high: float = 0.005
    medium: float = 0.05
    """What remains is low."""
    rules: int = 300
    rule_skew: float = 1.5
    entities: int = 1_000
    entity_skew: float = 1.2


class Segment(msgspec.Struct, frozen=True):
    """So many seconds at an even mean rate; arrivals inside it are a Poisson process."""

    seconds: float
    per_s: float
    mix: Mix = Mix()


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One alert on its way in."""

    at_s: float
    """Seconds since the simulation began."""
    lane: str
    """Where its severity will put it."""
    raw: bytes
    """As its product sends it: an OCSF Detection Finding."""


def arrivals(segments: Sequence[Segment], seed: int) -> Iterator[Arrival]:
    """Everything that comes, in order of time."""
    rng = random.Random(seed)  # noqa: S311 - load, not secrets
    zipf = functools.cache(_Zipf)
    number, begins = 0, 0.0
    for segment in segments:
        mix = segment.mix
        rules, entities = zipf(mix.rules, mix.rule_skew), zipf(mix.entities, mix.entity_skew)
        bounds = list(itertools.accumulate((mix.critical, mix.high, mix.medium)))
        at, ends = begins, begins + segment.seconds
        begins = ends
        while segment.per_s > 0:
            at += rng.expovariate(segment.per_s)
            if at >= ends:
                break
            number += 1
            lane = LANES[bisect.bisect_right(bounds, rng.random())]
            fired = rules.draw(rng), entities.draw(rng), rng.randrange(1024, 65_536)
            yield Arrival(at, lane, _alert(number, lane, at, fired))


def storm_segments(
    mix: Mix, *, calm_s: float = 30.0, base: float = 20.0, factor: float = 100.0
) -> tuple[Segment, ...]:
    """Calm, `factor` times as much for a minute, calm again."""
    calm = Segment(calm_s, base, mix)
    return calm, Segment(60.0, base * factor, mix), calm


def day_segments(per_day: float, mix: Mix, *, seed: int, bursts: int = 12) -> tuple[Segment, ...]:
    """A weekday: a low in the night, a peak in the forenoon, and `bursts` of 20 times the rate for 2 minutes.

    The curve is a sine between 0.4 and 1.6 of the mean with its peak at 11 o'clock: office hours make about
    three times the alerts of the night. Bursts are scans, misconfigured rules and patch days.
    """
    rng = random.Random(seed)  # noqa: S311 - load, not secrets
    step = 120.0
    steps = int(DAY_S / step)
    burst_at = set(rng.sample(range(steps), bursts))
    mean = per_day / DAY_S
    plain = [1.0 + 0.6 * math.cos((number * step / DAY_S - 11 / 24) * math.tau) for number in range(steps)]
    shape = [one * (20.0 if number in burst_at else 1.0) for number, one in enumerate(plain)]
    scale = mean * steps / sum(shape)
    return tuple(Segment(step, one * scale, mix) for one in shape)


class _Zipf:
    """Draws from 0 … n-1, the k-th with weight 1 / (k+1)^s."""

    def __init__(self, n: int, s: float) -> None:
        weights = list(itertools.accumulate((k + 1) ** -s for k in range(n)))
        self._bounds = [weight / weights[-1] for weight in weights]

    def draw(self, rng: random.Random) -> int:
        return bisect.bisect_left(self._bounds, rng.random())


def _alert(number: int, lane: str, at_s: float, fired: tuple[int, int, int]) -> bytes:
    rule, entity, port = fired
    severity = _SEVERITY[lane]
    time_ms = _EPOCH_MS + int(at_s * 1000)
    return (
        f'{{"class_uid":2004,"category_uid":2,"activity_id":1,"type_uid":200401,"time":{time_ms},'
        f'"severity_id":{severity},"status_id":1,"metadata":{{"version":"1.3.0","uid":"sim-{number}",'
        f'"product":{{"name":"Sensor","vendor_name":"Simulated"}}}},'
        f'"finding_info":{{"uid":"sim-{number}","title":"{lane} rule {rule} fired",'
        f'"analytic":{{"uid":"{lane}-{rule}","name":"{lane} rule {rule}","type_id":1}}}},'
        f'"device":{{"hostname":"host-{entity:04d}","ip":"10.0.{entity // 250}.{entity % 250 + 1}"}},'
        f'"src_endpoint":{{"ip":"10.0.{entity // 250}.{entity % 250 + 1}","port":{port}}},'
        f'"dst_endpoint":{{"ip":"198.51.100.{rule % 250 + 1}","port":443}}}}'
    ).encode()
