"""What is to be known of an account of costs, in sentences: how energy was obtained, what is in the sum or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenhand.figures import number
from evenhand.running.costing.account import FolderCost
from evenhand.running.costing.cost import Cost
from evenhand.running.costing.grid import Grid
from evenhand.running.costing.memory import OF_THE_STAGE

LEFT_OUT = (
    "Memory, disks, network and cooling draw more, and are not in it, unless the whole machine's power was stated."
)


def sentences(folders: Sequence[FolderCost], whole: Cost, grid: Grid | None) -> list[str]:
    """A sentence for each thing; none that does not apply."""
    return list(_sentences(folders, whole, grid))


def _sentences(folders: Sequence[FolderCost], whole: Cost, grid: Grid | None) -> Iterator[str]:
    if whole.wh is not None:
        value, low, high = whole.wh
        yield f"{number(value)} Wh in all ({number(low)} to {number(high)}). {_sentence(whole.how)}. {LEFT_OUT}"
        if whole.unspanned:
            yield (
                f"{_stages(whole.unspanned)} told energy without a range, by an earlier evenhand: the range is too"
                " narrow by theirs."
            )
    if grid is not None:
        yield from _of_co2(whole, grid)
    for folder in folders:
        yield from _of_folder(folder)
    if any(of != OF_THE_STAGE for of in whole.peak_of):
        yield "Peak memory is the process's so far where the kernel does not let a stage begin anew."


def _of_co2(whole: Cost, grid: Grid) -> Iterator[str]:
    found = grid.co2(whole)
    if found is not None:
        yield (
            f"{number(found.value)} g CO2e ({number(found.low)} to {number(found.high)}) at {grid.grams} g/kWh:"
            f" {grid.source}. The grid of an hour may be far from its year's mean."
        )


def _of_folder(folder: FolderCost) -> Iterator[str]:
    name = folder.path.name
    for stage in folder.stages:
        if stage.again > stage.untold:
            yield (
                f"{name}: {stage.name} was attempted {1 + stage.again - (not stage.last.seconds)} times; what was"
                f" killed, stopped or done again took {number(stage.before.seconds)} s of the sum."
            )
        if stage.untold:
            yield (
                f"{name}: {_attempts(stage.untold)} at {stage.name} ended without telling a cost (killed in the first"
                " second, or by an earlier evenhand): the sum is too small by that."
            )
    if folder.processes > 1:
        yield f"{name}: the costs are those of the first of {folder.processes} processes that worked together."
    if folder.damaged:
        yield f"{name}: {folder.damaged} lines of its log cannot be read, and are left out."
    if folder.inside:
        yield f"{name}: it lies in {folder.inside}, whose costs have its own in them; the sum counts them once."


def _sentence(how: Sequence[str]) -> str:
    said = "; ".join(how)
    return said[:1].upper() + said[1:]


def _stages(n: int) -> str:
    return "1 stage" if n == 1 else f"{n} stages"


def _attempts(n: int) -> str:
    return "1 attempt" if n == 1 else f"{n} attempts"
