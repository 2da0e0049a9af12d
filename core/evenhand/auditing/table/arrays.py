"""Arrays in scikit-learn's order as the table that an audit reads: y_true, y_pred or y_score, sensitive_features.

The table is one of the first pandas, Polars or Arrow array among them, else of Polars; rows are matched by position, as
scikit-learn does, never by an index. A number is a number, a text a text: nothing is guessed from the other columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Literal

import narwhals as nw
import numpy as np

from evenhand.asking.question import Question
from evenhand.errors import BadInput

ROLES = {"y_true": "label", "y_pred": "prediction", "y_score": "score", "sample_weight": "weight"}
FEATURES = "sensitive_features"
UNNAMED = "sensitive_feature_{}"  # as Fairlearn calls a feature without a name
Kind = Literal["pandas", "polars", "pyarrow"]
EAGER: dict[str, Kind] = {"pandas": "pandas", "polars": "polars", "pyarrow": "pyarrow"}
PLAIN_KINDS = "biufM"  # of numpy, that every library takes as they are
FAR = 2**63  # whole numbers from here on are not held exactly by every library


def from_arrays(arrays: Mapping[str, Any], asked: Question) -> tuple[Any, Question]:
    """(the table of these arrays, the question with its columns). Raises BadInput in one sentence that names the array.

    arrays: by the names in ROLES, and FEATURES; those that are None are not there.
    """
    given = {name: array for name, array in arrays.items() if array is not None}
    _check_asked(given, asked)
    kind = _kind(given)
    columns = {name: _column(name, array, kind) for name, array in given.items() if name != FEATURES}
    features = _features(given[FEATURES], kind)
    for name in features:
        if name in ROLES:
            raise BadInput(f"a sensitive feature is called '{name}', as another of the arrays is; rename that feature")
    _check_lengths({**columns, **features})
    for name in ("y_true", "y_pred"):
        _check_complete(name, columns.get(name))
    table = nw.from_dict({**columns, **features})
    roles = {ROLES[name]: name for name in columns}
    return table.to_native(), asked.but(sensitive=tuple(features), **roles)


def _check_asked(given: Mapping[str, Any], asked: Question) -> None:
    """Raise BadInput where arrays lack what an audit needs, or say twice what the question names."""
    if FEATURES not in given:
        raise BadInput("arrays are audited by sensitive_features, which is not given: say who belongs to which group")
    if not {"y_pred", "y_score"} & given.keys():
        raise BadInput("neither y_pred nor y_score is given; an audit needs the decisions or the scores of a model")
    if asked.labels:
        raise BadInput("y_true is one label, and labels names several; give a table with a column for each of them")
    for part in (*ROLES.values(), "sensitive"):
        if getattr(asked, part):
            raise BadInput(
                f"{part} names a column of a table, and arrays are given instead; leave {part} out, or give the table"
            )


def _kind(given: Mapping[str, Any]) -> Kind:
    """The library of the first array that is of one."""
    for called, array in given.items():
        for part in array.values() if isinstance(array, Mapping) else [array]:
            native = _native(called, part)
            name = str(native.implementation.value) if isinstance(native, nw.Series | nw.DataFrame) else ""
            if name in EAGER:
                return EAGER[name]
    return "polars"


def _native(name: str, array: Any) -> Any:
    """The array as narwhals sees it: a series or frame where it is one, else itself."""
    try:
        return nw.from_native(array, pass_through=True, allow_series=True)
    except nw.exceptions.NarwhalsError:
        raise BadInput(f"{name} has two columns of one name; rename one of them") from None


def _features(array: Any, kind: Kind) -> dict[str, nw.Series[Any]]:
    """The sensitive features by name: of a table or a dict by its names, of a series by its own, else numbered."""
    if isinstance(array, Mapping):
        found = {_named(name): _column(f"{FEATURES}['{name}']", part, kind) for name, part in array.items()}
    else:
        native = _native(FEATURES, array)
        if isinstance(native, nw.LazyFrame):
            raise BadInput(f"{FEATURES} is a query that has not been run; collect it first")
        if isinstance(native, nw.DataFrame):
            found = {_named(name): _column(f"{FEATURES}['{name}']", native[name], kind) for name in native.columns}
        else:
            found = _unnamed(array, native, kind)
    if not found:
        raise BadInput(f"{FEATURES} has no column; name at least one group of people to compare")
    return found


def _unnamed(array: Any, native: Any, kind: Kind) -> dict[str, nw.Series[Any]]:
    """Those of one array: a column each where it has two dimensions."""
    name = native.name if isinstance(native, nw.Series) else getattr(array, "name", None)
    if isinstance(name, str) and name:
        return {name: _column(FEATURES, array, kind)}
    shaped = _by_columns(array)
    if shaped is None:
        return {UNNAMED.format(0): _column(FEATURES, array, kind)}
    return {UNNAMED.format(i): _column(FEATURES, column, kind) for i, column in enumerate(shaped)}


def _by_columns(array: Any) -> list[Any] | None:
    """The columns of an array, or list of lists, of two dimensions; None for one of one dimension."""
    if isinstance(array, list | tuple):
        if not any(isinstance(row, list | tuple | np.ndarray) for row in array):
            return None
        rows = [list(row) if isinstance(row, list | tuple | np.ndarray) else [row] for row in array]
        if len({len(row) for row in rows}) > 1:
            raise BadInput(f"the rows of {FEATURES} are of different lengths; give every row one value of each feature")
        return [list(column) for column in zip(*rows, strict=True)]
    if not hasattr(array, "__array__") or np.ndim(array) != 2:
        return None
    table = np.asarray(array)
    return [table[:, i] for i in range(table.shape[1])]


def _named(name: Any) -> str:
    if not isinstance(name, str):
        raise BadInput(f"sensitive features are named by text, and {name!r} is none; rename that column")
    return name


def _check_lengths(columns: Mapping[str, nw.Series[Any]]) -> None:
    first, *others = columns.items()
    if not len(first[1]):
        raise BadInput(f"{first[0]} has no rows; an audit needs at least one prediction")
    for name, column in others:
        if len(column) != len(first[1]):
            raise BadInput(
                f"{first[0]} has {len(first[1]):,} values and {name} has {len(column):,}; every row needs one of each"
            )


def _check_complete(name: str, column: nw.Series[Any] | None) -> None:
    if column is None:
        return
    missing = column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
    if count := int(missing.sum()):
        first = missing.to_list().index(True)
        raise BadInput(
            f"{name} has {count:,} missing value{'s' if count > 1 else ''}, first at position {first:,}; drop these"
            " rows, or give a table, whose rows without a label are counted apart"
        )


def _column(name: str, array: Any, kind: Kind) -> nw.Series[Any]:
    """One array as a column of that library. Raises BadInput where it is not one value a row, all of one kind."""
    native = _native(name, array)
    if isinstance(native, nw.DataFrame):
        if len(native.columns) != 1:
            raise _shape(name, (len(native), len(native.columns)))
        native = native[native.columns[0]]
    if isinstance(native, nw.Series) and native.implementation.value == kind:
        return _by_position(native.alias(name))
    if isinstance(native, nw.Series):
        numbers = native.dtype.is_numeric() and not native.is_null().any()
        array = native.to_numpy() if numbers else native.to_list()
    return nw.new_series(name, _values(name, array), backend=kind)


def _by_position(series: nw.Series[Any]) -> nw.Series[Any]:
    """The series without the index that pandas would match rows by."""
    native = series.to_native()
    return nw.from_native(native.reset_index(drop=True), series_only=True) if hasattr(native, "reset_index") else series


def _values(name: str, array: Any) -> np.ndarray[Any, Any] | list[Any]:
    """The values of anything like an array: numpy's numbers as they are, everything else as a checked list."""
    scalar = isinstance(array, str | bytes | Mapping | Set)
    if scalar or not (isinstance(array, Iterable) or hasattr(array, "__array__")):
        what = f"the text '{array}'" if isinstance(array, str) else f"of type {type(array).__name__}"
        raise BadInput(f"{name} is {what}; give an array, a list or a column of a table, with one value for each row")
    if not isinstance(array, list | tuple) and hasattr(array, "__array__"):
        table: np.ndarray[Any, Any] = np.asarray(array)
        if table.ndim == 2 and table.shape[1] == 1:
            table = table[:, 0]
        if table.ndim != 1:
            raise _shape(name, table.shape)
        if table.dtype.kind in PLAIN_KINDS:
            return table.astype(np.float32) if table.dtype == np.float16 else table
        array = table.tolist()
    return _checked(name, list(array))


def _shape(name: str, shape: Sequence[int]) -> BadInput:
    mend = "give one value for each row"
    if name == "y_score" and len(shape) == 2 and shape[1] == 2:
        mend = "give the score of the positive class alone: y_score[:, 1] of what predict_proba returns"
    elif name == "y_score" and len(shape) == 2:
        mend = "give the score of one class, or the predicted class as y_pred"
    elif name == "y_true" and len(shape) == 2:
        mend = "give one label, or of several labels a table with a column for each (labels)"
    return BadInput(f"{name} is of shape {tuple(shape)!r}; {mend}")


def _checked(name: str, values: list[Any]) -> list[Any]:
    """The values with None for what is missing; BadInput unless all others are numbers, texts or truth values alone."""
    there = (None if _is_missing(value) else value for value in values)
    found = [value.item() if isinstance(value, np.generic) else value for value in there]
    kinds = {_kind_of_value(name, value) for value in found if value is not None}
    if len(kinds) > 1:
        raise BadInput(f"{name} mixes {' and '.join(sorted(kinds))}; write every value the same way")
    if kinds != {"numbers"}:
        return found
    if any(isinstance(value, float) for value in found):
        return [None if value is None else float(value) for value in found]
    if any(value is not None and not -FAR <= value < FAR for value in found):
        raise BadInput(f"{name} has whole numbers beyond 64 bits, which no table holds; write them as text")
    return found


def _is_missing(value: Any) -> bool:
    absent = value is None or type(value).__name__ in ("NAType", "NaTType")
    return absent or (isinstance(value, float) and value != value)


def _kind_of_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "truth values"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "numbers"
    if isinstance(value, list | tuple | np.ndarray):
        raise BadInput(f"{name} holds lists, not single values; give one value for each row")
    what = type(value).__name__
    raise BadInput(f"{name} holds values of type {what}, neither numbers nor text; write them as one of these")
