"""The same rows give the same bytes, whichever engine holds them."""

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from evenhand.auditing import audit
from evenhand.auditing.counting.logarithm import with_log

ROWS = 600
ASKS = {
    "binary": {
        "label": "y",
        "score": "s",
        "sensitive": ["sex", "site"],
        "weight": "w",
        "cluster": "patient",
        "id": "row",
        "tolerance": {"tpr": 0.1, "selection_rate": 0.1},
        "intersections": 2,
        "reference": {"site": "2"},
        "metrics": [
            "selection_rate",
            "base_rate",
            "tpr",
            "fpr",
            "ppv",
            "npv",
            "f1",
            "auc",
            "brier",
            "log_loss",
            "calibration_gap",
        ],
    },
    "decisions": {"label": "word", "prediction": "said", "sensitive": "sex", "positive": "yes", "task": "binary"},
    "selection": {"score": "s", "sensitive": "sex"},
    "multiclass": {"label": "kind", "prediction": "guess", "score": "s", "sensitive": ["sex", "site"], "weight": "w"},
    "regression": {"label": "amount", "prediction": "estimate", "sensitive": "sex", "cluster": "patient"},
}


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
            "sex": np.array(["f", "m", "x", None], dtype=object)[
                rng.choice(4, ROWS, p=[0.45, 0.4, 0.05, 0.1])
            ].tolist(),
            "site": rng.integers(1, 4, ROWS),
            "word": np.where(label == 1, "yes", "no").tolist(),
            "said": np.where(rng.random(ROWS) < 0.3, "no", np.where(label == 1, "yes", "no")).tolist(),
            "kind": kind,
            "guess": np.where(rng.random(ROWS) < 0.3, rng.integers(0, 4, ROWS), kind),
            "amount": np.round(rng.normal(100, 20, ROWS), 2),
            "estimate": np.round(rng.normal(101, 20, ROWS), 2),
        }
    )


def asked(frame, ask):
    """audit.json of the frame."""
    return audit(frame, **(BINNED if ask == "binned" else ASKS[ask])).to_json()


MANY = 51_000  # more than are counted score by score
BINNED = {
    "label": "y",
    "score": "s",
    "sensitive": "sex",
    "weight": "w",
    "replicates": 200,
    "metrics": ["tpr", "auc", "brier", "log_loss", "mean_score", "calibration_gap"],
}


@pytest.fixture(scope="module")
def long_table():
    """More rows than are counted score by score, so that the engine itself adds up losses."""
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, MANY)
    score = np.where(
        rng.random(MANY) < 0.01, rng.integers(0, 2, MANY), np.clip(0.3 * label + 0.7 * rng.random(MANY), 0, 1)
    )
    sex = np.array(["f", "m", None], dtype=object)[rng.integers(0, 3, MANY)]
    return pl.DataFrame({"y": label, "s": score, "w": rng.gamma(2.0, 1.0, MANY), "sex": sex.tolist()})


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
EVERY_ENGINE = [pytest.param(name, marks=pytest.mark.slow) if name == "dask" else name for name in ENGINES]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_gives_the_same_bytes(table, engine, ask):
    same(ENGINES[engine](table), table, ask)


@pytest.mark.parametrize("ask", ASKS)
def test_the_order_of_the_rows_changes_nothing(table, ask):
    same(table.sample(fraction=1, shuffle=True, seed=1), table, ask)


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_adds_up_losses_to_the_same_bytes(long_table, engine):
    same(ENGINES[engine](long_table), long_table, "binned")


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_takes_the_same_logarithm(engine):
    values = np.concatenate([np.random.default_rng(0).random(5_000), 2.0 ** -np.arange(53), [1 - 2**-53, 1 / 3]])
    frame = nw.from_native(ENGINES[engine](pl.DataFrame({"row": np.arange(len(values)), "x": values}))).lazy()
    found = with_log(frame, "log", nw.col("x")).select("row", "log").collect().sort("row").get_column("log").to_numpy()
    wanted = with_log(nw.from_native(pl.LazyFrame({"x": values})), "log", nw.col("x")).collect()["log"].to_numpy()
    assert np.array_equal(found, wanted)
    np.testing.assert_allclose(found, np.log(values), rtol=1e-15, atol=0)


@pytest.fixture(scope="module")
def spark():
    """A session on one core of this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").config("spark.driver.host", "127.0.0.1").getOrCreate()
    yield session
    session.stop()


def spark_frame(spark, table):
    """The table in the session."""
    kinds = {pl.Int64: "bigint", pl.Float64: "double", pl.String: "string"}
    schema = ", ".join(f"{name} {kinds[kind]}" for name, kind in table.schema.items())
    return spark.createDataFrame(list(table.iter_rows()), schema)


@pytest.mark.slow
@pytest.mark.parametrize("ask", ASKS)
def test_spark_gives_the_same_bytes(table, spark, ask):
    same(spark_frame(spark, table), table, ask)


@pytest.mark.slow
def test_spark_adds_up_losses_to_the_same_bytes(long_table, spark):
    same(spark_frame(spark, long_table), long_table, "binned")
