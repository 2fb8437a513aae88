"""`watchfloor bench storm`: the scenarios one after the other, as the command line asks for them."""

from collections.abc import Iterator

from backend.simulation.report import StormReport, storm_lines

__all__ = ["StormReport", "bench_storm", "storm_lines"]


def bench_storm(seed: int, *, real: bool = False) -> Iterator[StormReport]:
    """Play every scenario under the virtual clock; `real`: a short storm in real time instead.

    Takes a minute or two of CPU; each report comes as soon as it is there.
    """
    from backend.simulation.scenarios import run_scenario, scenarios  # only who plays pays for it

    if real:
        from backend.simulation.real import run_real

        yield run_real(seed)
        return
    for scenario in scenarios(seed):
        yield run_scenario(scenario)
