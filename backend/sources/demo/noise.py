"""A normal day's false alarms: the same tired rules on the same few hosts, so that history can tell.

Each kind of noise names the hosts it lives on; a host's assets note or its past says why it is harmless.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from backend.sources.demo import noise_products as products
from backend.sources.demo import noise_wire as wire
from backend.sources.demo.draft import Beat, Draft
from backend.sources.demo.world import World


class Noise(NamedTuple):
    """One kind of false alarm."""

    weight: int
    """How often, against the others."""
    draw: Callable[[World, Random], Draft]
    most: int = 1
    """Up to so many copies in a row, as products that do not fold would send."""


KINDS: tuple[Noise, ...] = (
    Noise(14, wire.internet_scan, 3),
    Noise(6, wire.path_probe, 2),
    Noise(6, wire.old_tls),
    Noise(5, wire.self_signed, 3),
    Noise(6, wire.installer),
    Noise(5, wire.command_line_client),
    Noise(4, wire.remote_help),
    Noise(4, wire.clear_text, 2),
    Noise(4, wire.resolver_bypass),
    Noise(4, wire.ad_domain, 2),
    Noise(12, products.failed_sign_ins, 3),
    Noise(5, products.stale_password, 4),
    Noise(5, products.new_device),
    Noise(6, products.unwanted_program),
    Noise(5, products.admin_script),
    Noise(4, products.usb_stick),
    Noise(4, products.old_agent),
    Noise(7, products.posture),
    Noise(4, products.bulk_mail),
    Noise(5, products.personal_mail),
    Noise(4, products.card_numbers),
    Noise(4, products.test_secret),
    Noise(3, products.unsigned_build),
    Noise(3, products.pod_shell),
    Noise(5, products.badge),
)

HIGH: tuple[Noise, ...] = (
    Noise(3, products.backup_rewrites),
    Noise(3, products.remote_service),
    Noise(3, products.far_travel),
    Noise(2, wire.sinkhole),
    Noise(2, products.it_toolkit),
)
"""Loud false alarms: high by the product's own word."""

_WEIGHTS = [noise.weight for noise in KINDS]
_HIGH_WEIGHTS = [noise.weight for noise in HIGH]


def everyday(world: World, rng: Random, at_s: float) -> Iterator[Beat]:
    """One false alarm at `at_s`, now and then with its copies a second or two after it."""
    kind = rng.choices(KINDS, _WEIGHTS)[0]
    draft = kind.draw(world, rng)
    copies = rng.randint(2, kind.most) if kind.most > 1 and rng.random() < 0.3 else 1
    for index in range(copies):
        yield Beat(at_s + index * rng.uniform(0.2, 1.6), draft)


def loud(world: World, rng: Random, at_s: float) -> Iterator[Beat]:
    """One high false alarm at `at_s`."""
    yield Beat(at_s, rng.choices(HIGH, _HIGH_WEIGHTS)[0].draw(world, rng))


def scan_window(world: World, rng: Random, at_s: float) -> Iterator[Beat]:
    """The company's own vulnerability scanner at work for most of a minute."""
    targets = rng.sample(world.hosts, rng.randint(12, 18))
    for index, target in enumerate(targets):
        yield Beat(at_s + index * rng.uniform(2.2, 2.8), wire.own_scanner(world, target, rng))
