"""A cancellation that a library lost on the way is raised again."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise `CancelledError` where this task was cancelled and goes on all the same.

    redis-py writes inside `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes in
    the moment in which the write ends; a loop that never ends would then never be told again.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
