"""A Spark frame is scored in Spark, by workers that read the model themselves."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import evenhand
import toy_tables

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
SESSION = """
import sys, polars as pl, evenhand
from pyspark.sql import SparkSession

builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.execution.arrow.maxRecordsPerBatch", "70")
spark = builder.getOrCreate()
rows = spark.createDataFrame(pl.read_parquet("new.parquet").to_arrow(compat_level=pl.CompatLevel.oldest()))
scorer = evenhand.load(sys.argv[1])
"""


@pytest.fixture
def in_spark(install, finished, tmp_path):
    """Run lines in a local session that has `rows` and `scorer`; gives what they printed."""
    pytest.importorskip("pyspark", reason="PySpark is not installed")
    env = {**os.environ, "PYSPARK_PYTHON": sys.executable, **install("toy_tables", "toy_tables", PLUGINS)}
    pl.DataFrame(toy_tables.applicants(9, 300), strict=False).write_parquet(tmp_path / "new.parquet")

    def run(lines):
        command = [sys.executable, "-c", SESSION + lines, str(finished[0])]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


@pytest.mark.slow
def test_spark_gives_the_scores_that_polars_gives(in_spark, finished, tmp_path):
    told = in_spark("""
found = scorer.table(rows.repartition(3))
print(type(found).__module__.split(".")[0], found.columns)
found.toPandas().to_parquet("scored.parquet")
""")
    columns = ["repaid", "sex", "region", "customer", "prediction", "score"]
    assert told.strip() == f"pyspark {columns}"
    expected = evenhand.load(*finished).table(pl.read_parquet(tmp_path / "new.parquet"))
    found = pl.read_parquet(tmp_path / "scored.parquet")
    key = ["customer", "score"]
    assert found.select(columns).sort(key).equals(expected.select(columns).sort(key).cast(found.select(columns).schema))


@pytest.mark.slow
def test_what_spark_cannot_be_asked_is_said_before_a_worker_starts(in_spark):
    told = in_spark("""
for ask in (lambda: scorer.table(rows.drop("debt")), lambda: scorer.predict(rows)):
    try:
        ask()
    except evenhand.BadInput as error:
        print(error)
""").splitlines()
    assert told[0].startswith("column 'debt' is not in the table; it has: customer, income, job")
    assert told[1] == "a Spark frame is scored where its rows lie; use .table(frame), which gives a Spark frame"


def test_the_columns_of_a_result_are_known_without_a_row(finished):
    scorer = evenhand.load(*finished)
    frame = pl.DataFrame(toy_tables.applicants(9, 50), strict=False)
    assert scorer.empty(frame.clear()).schema == scorer.table(frame).schema
    bare = frame.select("income", "debt", "job")
    assert scorer.empty(bare.clear()).schema == scorer.table(bare).schema
