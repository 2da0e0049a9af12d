"""`evenhand costs`: the accounts of several folders, their sum, CO2 where a grid is stated; as text, JSON, page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.console import table
from evenhand.errors import BadInput
from evenhand.figures import count, number
from evenhand.files import atomic
from evenhand.running.costing.account import FolderCost, account_of, folders_of
from evenhand.running.costing.cost import Cost, total
from evenhand.running.costing.grid import Grid, grid_of

if TYPE_CHECKING:
    import polars as pl

HEADER = ("folder", "stage", "seconds", "CPU s", "peak MB", "Wh", "Wh, range")
SUM = "sum"


@dataclass(frozen=True, slots=True)
class Costs:
    """What folders have cost. str() is the table and what is to be known of it."""

    folders: tuple[FolderCost, ...]
    grid: Grid | None = None

    @property
    def total(self) -> Cost:
        """The sum; what lies in another of the folders is in that one's costs already."""
        return total(folder.cost for folder in self.folders if not folder.inside)

    def rows(self) -> list[dict[str, Any]]:
        """One for each stage, and one for the sum of each folder: folder, walk, stage, attempts and the cost."""
        return list(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for folder in self.folders:
            head = {"folder": str(folder.path), "walk": folder.walk, "recipe": folder.recipe}
            for stage in folder.stages:
                yield {**head, "stage": stage.name, "attempts": 1 + stage.again, **self._facts(stage.cost)}
            yield {**head, "stage": SUM, "attempts": None, **self._facts(folder.cost)}

    def _facts(self, cost: Cost) -> dict[str, Any]:
        told = cost.facts()
        if self.grid is not None:
            co2 = self.grid.co2(cost)
            ends = ("value", "low", "high")
            names = ("co2_grams", "co2_low_grams", "co2_high_grams")
            told |= {name: getattr(co2, end) if co2 else None for name, end in zip(names, ends, strict=True)}
        return told

    def frame(self) -> pl.DataFrame:
        """The rows as a frame."""
        import polars as pl

        listed = ("energy_obtained", "peak_memory_of")
        rows = [{**row, **{name: "; ".join(row[name]) for name in listed}} for row in self._rows()]
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        grid = None if self.grid is None else {"grams_per_kwh": str(self.grid.grams), "source": self.grid.source}
        inside = {str(folder.path): folder.inside for folder in self.folders if folder.inside}
        return {
            "rows": self.rows(),
            "total": self._facts(self.total),
            "counted_within": inside,
            "grid": grid,
            "says": self.says(),
        }

    def says(self) -> list[str]:
        """What is to be known of the numbers, a sentence each."""
        from evenhand.running.costing.telling import sentences

        return sentences(self.folders, self.total, self.grid)

    def __str__(self) -> str:
        header = HEADER if self.grid is None else (*HEADER, "g CO2e", "g, range")
        cells = [self._cells(row) for row in self._rows()]
        if len(self.folders) > 1:
            whole = {"folder": "all", "stage": SUM, **self._facts(self.total)}
            cells.append(self._cells(whole))
        return "\n".join([table(header, cells), "", *self.says()])

    def _cells(self, row: dict[str, Any]) -> list[str]:
        again = f" ({row['attempts']} attempts)" if (row.get("attempts") or 1) > 1 else ""
        joules = [row[f"energy_{end}joules"] for end in ("", "low_", "high_")]
        wh = [None if value is None else value / 3600 for value in joules]
        memory = row["peak_memory_mb"]
        cells = [
            Path(row["folder"]).name,
            f"{row['stage']}{again}",
            number(row["seconds"]),
            number(row["cpu_seconds"]),
            count(memory),
            number(wh[0]),
            _range(wh[1], wh[2]),
        ]
        if self.grid is not None:
            cells += [number(row["co2_grams"]), _range(row["co2_low_grams"], row["co2_high_grams"])]
        return cells

    def page(self) -> str:
        """The page: a bar for each folder, the table, what is to be known."""
        from evenhand.reporting import render_costs

        return render_costs(self.facts(), [str(folder.path) for folder in self.folders])

    def write(self, out: str | Path) -> Path:
        """Write the page to the file `out`."""
        with atomic(Path(out)) as temporary:
            temporary.write_text(self.page(), "utf-8")
        return Path(out)


def costs(*runs: str | Path, grid: float | str | None = None, country: str | None = None) -> Costs:
    """What the folders of runs, searches, adaptations and pretrainings have cost, attempts that were killed included.

    runs: their folders, or ones that hold several. grid: grams of CO2 equivalents a kWh, or a range "300..400";
    country: a code of codecarbon's table, such as "FRA"; without either there is no CO2. Raises BadInput.
    """
    if not runs:
        raise BadInput("no folder is named; name the directory of a run, or one that holds several")
    stated = grid_of(grid, country)
    paths = list(dict.fromkeys(found for run in runs for found in folders_of(Path(run))))
    found = [account_of(path) for path in paths]
    return Costs(tuple(replace(folder, inside=_around(folder, found)) for folder in found), stated)


def _around(folder: FolderCost, folders: list[FolderCost]) -> str:
    """The folder of another walk that `folder` lies in, and whose stages made it; "" where there is none."""
    mine = folder.path.resolve()
    return next((str(other.path) for other in folders if other.path.resolve() in mine.parents), "")


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{number(low)} to {number(high)}"
