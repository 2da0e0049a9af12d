"""A recipe's table [tune]: which settings a search may try, what it judges by, and what the winner must keep to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_serializer, model_validator

from evenhand.errors import BadInput, did_you_mean
from evenhand.recipe_rules import Part

FREE = (
    "finetune",
    "options",
    "abstain",
    "mitigation",
    "backbone",
)  # the rest decides the data, or how a trial is judged
EXAMPLE = '[tune] "finetune.learning_rate" = { low = 1e-5, high = 1e-3, log = true }'


class GapLimit(Part):
    """Which gap between groups the search keeps small, and how large it may be."""

    metric: str | None = Field(
        None, description="What is compared; not set: the first that the audit's question judges, else shows."
    )
    attribute: str | None = Field(
        None, description="Whose groups, as the audit names it; not set: the column with the largest gap."
    )
    least_rows: int = Field(
        30,
        ge=1,
        description="Groups in which the metric is of fewer validation rows are left out: their gaps are luck.",
    )
    most: float | None = Field(
        None,
        ge=0,
        description="The largest gap of the winner on validation rows; not set: any, the smaller the better.",
    )


class TuneLimits(Part):
    """What the winner of a search must keep to; a key that is not set limits nothing."""

    latency_p99_ms: float | None = Field(
        None,
        gt=0,
        description="Milliseconds in which 99 of 100 single rows are scored, by the stored model, after a warm-up.",
    )
    energy_wh: float | None = Field(
        None,
        gt=0,
        description="Watt-hours of one fit; measured where the processor tells, else estimated, which is said.",
    )
    epsilon: float | None = Field(
        None, gt=0, description="Of differential privacy; a fit that states none is not held to it, which is said."
    )
    gap: GapLimit = Field(GapLimit(), description="The gap between groups, which is kept small beside the objective.")

    def given(self) -> dict[str, float]:
        """The limits that are set, by name."""
        named = {name: getattr(self, name) for name in ("latency_p99_ms", "energy_wh", "epsilon")}
        return {name: value for name, value in {**named, "gap": self.gap.most}.items() if value is not None}


class Range(Part):
    """Numbers from low to high, both tried; whole ones where both are whole. log: evenly over their logarithms."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return all(isinstance(end, int) for end in (self.low, self.high, 1 if self.step is None else self.step))


Dimension = Range | tuple[Any, ...]


class TuneRule(Part):
    """What `evenhand tune` tries. Any other key is a setting of this recipe: a range, or a list to choose from."""

    objective: str | None = Field(
        None,
        description=(
            "The metric to be best in, as `evenhand run` prints it; not set: `auc` of two classes, `accuracy` of"
            " several, `macro_f1` of several labels, `mae` of numbers."
        ),
    )
    prune_from: int = Field(
        2000,
        ge=0,
        description=(
            "From so many training rows a trial is fitted on a third of them first, and given up where neither"
            " objective nor gap is better there than half of those before; 0: never."
        ),
    )
    constraints: TuneLimits = Field(TuneLimits(), description="What the winner must keep to.")
    space: dict[str, Any] = Field(
        default_factory=dict,
        description=(
            'Written as keys of [tune] itself: `"finetune.epochs" = { low = 1, high = 8, step = 1 }`, `log = true`,'
            ' or `"finetune.strategy" = ["probe", "lp-ft"]`; of `finetune`, `options`, `abstain`, `mitigation`'
            " and `backbone`."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        """Keys that are settings of the recipe become the space, each a Range or a tuple."""
        if not isinstance(values, Mapping):
            return values
        own = {key: value for key, value in values.items() if key in RESERVED}
        inside = own.pop("space", {})
        written = {
            **(inside if isinstance(inside, Mapping) else {}),
            **{k: values[k] for k in values if k not in RESERVED},
        }
        return {**own, "space": {key: _dimension(key, value) for key, value in _settings(written)}}

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        limits = self.constraints.model_dump(exclude_none=True)
        own = {"objective": self.objective, "prune_from": self.prune_from, "constraints": limits}
        kept = {key: value for key, value in own.items() if value is not None}
        return {**{key: _written(found) for key, found in self.space.items()}, **kept}


RESERVED = ("objective", "prune_from", "constraints", "space")


def ends(dimension: Dimension) -> tuple[Any, ...]:
    """The values that must be allowed for all of the dimension to be: both ends, or every choice."""
    return (dimension.low, dimension.high) if isinstance(dimension, Range) else dimension


def _settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, what may be tried), also where TOML read `finetune.epochs` without quotes as tables."""
    for key, value in values.items():
        if isinstance(value, Mapping) and not {"low", "high"} & {*value}:
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _dimension(key: str, value: Any) -> Dimension:
    if isinstance(value, Range):
        return value
    if isinstance(value, list | tuple):
        return _choices(key, value)
    if not isinstance(value, Mapping):
        raise _wrong(key, value, "it is neither a range, such as { low = 1, high = 8 }, nor a list to choose from")
    unknown = [name for name in value if name not in Range.model_fields]
    if unknown:
        raise _wrong(key, dict(value), f"a range has no '{unknown[0]}'.{did_you_mean(unknown[0], Range.model_fields)}")
    numbers = {name: value.get(name) for name in ("low", "high", "step") if name in value}
    if not {"low", "high"} <= {*value} or any(
        isinstance(n, bool) or not isinstance(n, int | float) for n in numbers.values()
    ):
        raise _wrong(key, dict(value), "a range has low and high, and may have step, all of them numbers")
    found = Range(**value)
    if not found.low < found.high or abs(found.low) == float("inf") or abs(found.high) == float("inf"):
        raise _wrong(key, dict(value), "low must lie below high, and both be finite")
    if found.log and (found.low <= 0 or found.step is not None):
        raise _wrong(key, dict(value), "with log, low must be above 0, and there is no step")
    if found.step is not None and not found.step > 0:
        raise _wrong(key, dict(value), "step must be above 0")
    return found


def _choices(key: str, value: Any) -> tuple[Any, ...]:
    if not value or any(not isinstance(one, str | int | float | bool) for one in value):
        raise _wrong(key, value, "a list to choose from holds texts, numbers or true and false, one at least")
    if len({(type(one), one) for one in value}) < len(value):
        raise _wrong(key, value, "it names a choice twice")
    return tuple(value)


def _wrong(key: str, value: Any, says: str) -> BadInput:
    return BadInput(f"'tune.{key}' = {value!r} is not allowed: {says}")


def _written(found: Dimension) -> Any:
    if not isinstance(found, Range):
        return list(found)
    return {name: value for name, value in found.model_dump(exclude_none=True).items() if name != "log" or value}
