"""The attack stories, and the order in which the first shift tells them."""

from collections.abc import Callable, Iterator
from random import Random

from backend.sources.demo.draft import Beat
from backend.sources.demo.stories import (
    assessment,
    cloud_takeover,
    cryptominer,
    dns_tunnel,
    hidden_terminal,
    log_orders,
    mail_fraud,
    ransomware,
    supply_chain,
    web_shell,
)
from backend.sources.demo.world import World

Story = Callable[[World, Random], Iterator[Beat]]

STORIES: dict[str, Story] = {
    "web_shell": web_shell.play,
    "ransomware": ransomware.play,
    "cloud_takeover": cloud_takeover.play,
    "log_orders": log_orders.play,
    "assessment": assessment.play,
    "dns_tunnel": dns_tunnel.play,
    "hidden_terminal": hidden_terminal.play,
    "supply_chain": supply_chain.play,
    "cryptominer": cryptominer.play,
    "mail_fraud": mail_fraud.play,
}
"""Every story by name, in the order of the first round; later rounds are shuffled by the seed."""
