"""The Audit: the content of audit.json, how it shows itself, its tables and files, and the exit code it means."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE
from evenhand.showing.frames import Kind

if TYPE_CHECKING:
    import altair


@dataclass(frozen=True, slots=True)
class Origin:
    """What was audited, for whoever keeps or shows the answer.

    question: as it was asked. source: the absolute path of the file; None for a table. frames: the library of that
    table, in which the audit's own tables are made.
    """

    question: Question
    source: str | None
    frames: Kind


@dataclass(frozen=True, repr=False)
class Audit:
    """An audit that was done. `data` is exactly what audit.json holds (docs/audit-json.md).

    Its tables are frames of the caller's library: of pandas, Polars or Arrow where the audited table was, of pandas
    where it was one of Dask, else (files, lists, numpy, DuckDB, Spark) of Polars.

    >>> import polars as pl
    >>> hired = pl.DataFrame({"hired": [1] * 60 + [0] * 40 + [1] * 30 + [0] * 70, "sex": ["m"] * 100 + ["f"] * 100})
    >>> from evenhand import audit
    >>> found = audit(hired, prediction="hired", sensitive="sex", tolerance={"selection_rate": 0.1})
    >>> found.verdicts().select("attribute", "metric", "verdict", "value").rows()
    [('sex', 'selection_rate', 'exceeded', 0.3)]
    >>> found.groups().select("group", "metric", "value").rows()
    [('f', 'selection_rate', 0.3), ('m', 'selection_rate', 0.6)]
    """

    data: dict[str, Any]
    origin: Origin | None = field(default=None, compare=False)

    @property
    def verdict(self) -> str | None:
        """within, exceeded, not enough evidence; None when no tolerance was given."""
        found: str | None = self.data["verdict"]
        return found

    def exit_code(self, strict: bool = False, fail_on: Collection[str] = (EXCEEDED,)) -> int:
        """1: a tolerance is exceeded; 3: not enough evidence; 0: no verdict of those that fail. `strict` adds the
        second."""
        given = {verdict["verdict"] for verdict in self.data["verdicts"]} & {*fail_on, *((UNSURE,) if strict else ())}
        return 1 if EXCEEDED in given else 3 if UNSURE in given else 0

    def groups(self) -> Any:
        """Every metric of every group as a frame, a row each.

        Columns: attribute ("sex", "sex × age"), group, reference (whether it is what others are compared with), rows,
        weight, metric, value, lower and upper (for this number alone), lower_simultaneous and upper_simultaneous (for
        all groups and metrics together), denominator (rows), why (there is no value). Of several labels, first label.
        """
        from evenhand.showing.frames import groups_of

        return groups_of(self.data, self._frames)

    def gaps(self) -> Any:
        """Every gap between groups as a frame, a row each.

        Columns: attribute, metric, kind ("difference" to the reference, "rest": to everyone else, "largest", "ratio":
        lowest to highest group), group, versus, value, lower, upper, lower_simultaneous, upper_simultaneous,
        lower_deciding and upper_deciding (which the verdict rests on), p_value, p_adjusted, tolerance, verdict, says.
        Of several labels, first label.
        """
        from evenhand.showing.frames import gaps_of

        return gaps_of(self.data, self._frames)

    def verdicts(self) -> Any:
        """Every verdict as a frame, a row each; no row where nothing was judged.

        Columns: attribute, metric, kind ("largest" gap, or a policy's "ratio"), verdict, value, lower and upper (which
        decide), tolerance (of a ratio the least that the policy asks for), group, versus, more_rows (over all groups,
        that would settle it with the audit's stated chance; missing where none is given), says. Of several labels,
        first label.
        """
        from evenhand.showing.frames import verdicts_of

        return verdicts_of(self.data, self._frames)

    def plot(self) -> altair.VConcatChart:
        """The gaps with their intervals beside what is tolerated, as a chart of Altair (`pip install evenhand[plot]`).

        What was judged; where nothing was, the largest gap of every metric, with intervals that hold together.
        """
        from evenhand.showing.gap_chart import chart

        return chart(self.data)

    def save(self, folder: str | Path, command: str | None = None, notes: str | None = None) -> Path:
        """Write report.html, audit.json, junit.xml, summary.md and plan.json into `folder`, as `evenhand audit --out`
        does: all of them or none, under one lock. Returns the report's path.

        command: what the report says reproduces it. notes: the author's own words, in Markdown, for the report and
        notes.md. A run's audit has no plan of its own, and writes none.
        """
        from evenhand.recorded.audit_files import plan_text, save

        plan = None
        if self.origin is not None:
            digests = {"plan_sha256": self.data["plan_sha256"], "data_sha256": self.data["data"]["sha256"]}
            fixed = {"question": self.data["question"], **digests}
            plan = plan_text(fixed, self.origin.question, self.origin.source, command)
        return save(Path(folder), self.to_json(), command, plan, notes)

    def to_json(self) -> str:
        """The same audit always gives the same bytes."""
        return json.dumps(self.data, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @property
    def _frames(self) -> Kind:
        return "polars" if self.origin is None else self.origin.frames

    def _repr_html_(self) -> str:
        from evenhand.showing.notebook import fragment

        return fragment(self.data)

    def __repr__(self) -> str:
        from evenhand.showing.notebook import in_lines

        return in_lines(self.data)

    def __str__(self) -> str:
        from evenhand.reporting.terminal import told

        return "\n".join(part.text for part in told(self.data))
