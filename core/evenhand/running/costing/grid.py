"""CO2 of electricity, only where somebody states the grid: in grams a kilowatt-hour, or a country of a table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from evenhand.errors import BadInput, did_you_mean
from evenhand.running.costing.cost import Cost
from evenhand.running.costing.energy import Span, span_of

TABLE = "global_energy_mix.json"
MOST = 5_000.0  # g/kWh: five times lignite
KWH = 3.6e6  # joules


@dataclass(frozen=True, slots=True)
class Grid:
    """grams: CO2 equivalents a kWh; source: who says so."""

    grams: Span
    source: str

    def co2(self, cost: Cost) -> Span | None:
        """Grams of CO2 equivalents: the range is that of the energy, times that of the grid where it has one."""
        if cost.joules is None or cost.low is None or cost.high is None:
            return None
        grams = self.grams
        return Span(cost.joules * grams.value / KWH, cost.low * grams.low / KWH, cost.high * grams.high / KWH)


def grid_of(grid: float | str | None, country: str | None) -> Grid | None:
    """The grid that is stated, as a number or range, or by a country's code; None where neither is. BadInput."""
    if grid is not None and country is not None:
        raise BadInput("the grid's intensity is stated twice; give --grid or --country")
    if grid is not None:
        what = "grams of CO2 equivalents a kilowatt-hour, such as 350, or a range, such as 300..400"
        return Grid(span_of(str(grid), "the grid's intensity (--grid)", what, MOST), "as stated")
    return None if country is None else _of_country(country)


def _of_country(country: str) -> Grid:
    table, release = _table()
    code = country.strip().upper()
    found = table.get(code)
    if not isinstance(found, dict) or not isinstance(found.get("carbon_intensity"), (int, float)):
        names = {str(row.get("country_name")).upper(): key for key, row in table.items() if isinstance(row, dict)}
        hint = f" Did you mean {names[code]}?" if code in names else did_you_mean(country, table)
        raise BadInput(
            f"there is no country '{country[:40]}' in codecarbon's table; give a code of three letters, such as FRA"
            f" (--country), or the intensity itself (--grid).{hint}"
        )
    grams = float(found["carbon_intensity"])
    year = found.get("year", "a year that is not told")
    source = f"{found.get('country_name', code)}, mean of {year}, {TABLE} of codecarbon {release}"
    return Grid(Span(grams, grams, grams), source)


def _table() -> tuple[dict[str, Any], str]:
    """(codecarbon's table of countries, which is read from its package alone, its version)."""
    try:
        from codecarbon.input import DataSource
    except ImportError:
        raise BadInput(
            "the intensity of a country needs codecarbon, which is not installed; pip install 'evenhand[energy]', then"
            " run the same command, or state it with --grid"
        ) from None
    source: Any = DataSource  # it has no types
    return source().get_global_energy_mix_data(), version("codecarbon")
