"""The same rows give the same bytes, whichever engine holds them."""

import numpy as np
import polars as pl
import pytest

from evenhand.auditing import audit

ROWS = 600
ASKS = {
    "binary": {
        "label": "y", "score": "s", "sensitive": ["sex", "site"], "weight": "w", "cluster": "patient", "id": "row",
        "tolerance": {"tpr": 0.1, "selection_rate": 0.1}, "intersections": 2, "reference": {"site": "2"},
        "metrics": ["selection_rate", "base_rate", "tpr", "fpr", "ppv", "npv", "f1", "auc", "brier", "log_loss", "calibration_gap"],
    },
    "decisions": {"label": "word", "prediction": "said", "sensitive": "sex", "positive": "yes", "task": "binary"},
    "selection": {"score": "s", "sensitive": "sex"},
    "multiclass": {"label": "kind", "prediction": "guess", "score": "s", "sensitive": ["sex", "site"], "weight": "w"},
    "regression": {"label": "amount", "prediction": "estimate", "sensitive": "sex", "cluster": "patient"},
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    """Text and whole numbers, weights, clusters, scores, and missing values where an audit allows them."""
    rng = np.random.default_rng(7)
    label = rng.integers(0, 2, ROWS)
    kind = rng.integers(0, 4, ROWS)
    return pl.DataFrame(
        {
            "row": np.arange(ROWS),
            "y": label,
            "s": np.round(np.clip(0.3 * label + 0.7 * rng.random(ROWS), 0, 1), 3),
            "w": np.round(rng.gamma(2.0, 1.0, ROWS), 4),
            "patient": rng.integers(0, 90, ROWS),
            "sex": np.array(["f", "m", "x", None], dtype=object)[rng.choice(4, ROWS, p=[0.45, 0.4, 0.05, 0.1])].tolist(),
            "site": rng.integers(1, 4, ROWS),
            "word": np.where(label == 1, "yes", "no").tolist(),
            "said": np.where(rng.random(ROWS) < 0.3, "no", np.where(label == 1, "yes", "no")).tolist(),
            "kind": kind,
            "guess": np.where(rng.random(ROWS) < 0.3, rng.integers(0, 4, ROWS), kind),
            "amount": np.round(rng.normal(100, 20, ROWS), 2),
            "estimate": np.round(rng.normal(101, 20, ROWS), 2),
        }
    )  # fmt: skip


def asked(frame, ask):
    """audit.json of the frame."""
    return audit(frame, **ASKS[ask]).to_json()


def first_difference(found, wanted):
    """The first line that differs, so that a failure can be read."""
    lines = zip(found.splitlines(), wanted.splitlines(), strict=False)
    return next(((i, a, b) for i, (a, b) in enumerate(lines) if a != b), None)


def same(frame, table, ask):
    found, wanted = asked(frame, ask), asked(table, ask)
    assert first_difference(found, wanted) is None
    assert found == wanted


def pandas_frame(table):
    pytest.importorskip("pandas", reason="pandas is not installed")
    return table.to_pandas()


def arrow_table(table):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return table.to_arrow()


def duckdb_relation(table):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    return duckdb.connect().from_arrow(table.to_arrow())


def dask_frame(table):
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    return dask.from_pandas(table.to_pandas(), npartitions=3)


ENGINES = {
    "pandas": pandas_frame,
    "polars lazy": lambda table: table.lazy(),
    "pyarrow": arrow_table,
    "duckdb": duckdb_relation,
    "dask": dask_frame,
}


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_bytes(table, engine, ask):
    same(ENGINES[engine](table), table, ask)


@pytest.mark.parametrize("ask", ASKS)
def test_the_order_of_the_rows_changes_nothing(table, ask):
    same(table.sample(fraction=1, shuffle=True, seed=1), table, ask)


@pytest.fixture(scope="module")
def spark():
    """A session on one core of this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").config("spark.driver.host", "127.0.0.1").getOrCreate()
    yield session
    session.stop()


@pytest.mark.slow
@pytest.mark.parametrize("ask", ASKS)
def test_spark_gives_the_same_bytes(table, spark, ask):
    rows = [tuple(row) for row in table.iter_rows()]
    kinds = {pl.Int64: "bigint", pl.Float64: "double", pl.String: "string"}
    frame = spark.createDataFrame(rows, ", ".join(f"{name} {kinds[kind]}" for name, kind in table.schema.items()))
    same(frame, table, ask)
