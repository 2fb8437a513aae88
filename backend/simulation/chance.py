"""What the product draws at random, drawn from the simulation's seed while it runs."""

import contextlib
import random
import secrets
from collections.abc import Iterator
from unittest.mock import patch


@contextlib.contextmanager
def drawn_from(seed: str) -> Iterator[None]:
    """Nonces, tags and places come from `seed`, so that a run can be repeated to the byte.

    For the whole process, so only where nothing but a simulation runs: outside it, what must not be guessed
    has to come from the system.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation guards nothing
    with (
        patch.object(secrets, "token_hex", lambda size=32: rng.randbytes(size).hex()),
        patch.object(secrets, "token_bytes", lambda size=32: rng.randbytes(size)),
        patch.object(secrets, "randbelow", rng.randrange),
        patch.object(random, "SystemRandom", lambda: rng),
    ):
        yield
