"""What an audit found as frames of the caller's kind: the same rows in every library, and those of audit.json."""

import narwhals as nw
import polars as pl
import pytest

import evenhand

KINDS = {"pandas": pl.DataFrame.to_pandas, "polars": pl.DataFrame.clone, "pyarrow": pl.DataFrame.to_arrow}


def test_a_missing_text_is_missing_in_pandas_of_any_version(loans):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    alone = pd.DataFrame({"y": loans["y"].to_list(), "s": loans["s"].to_list(), "sex": ["f"] * len(loans)})
    audit = evenhand.audit(alone, label="y", score="s", sensitive="sex", tolerance={"tpr": 0.1})
    assert audit.verdicts()["group"].isna().all()
    assert audit.groups()["why"].isna().all()
    assert list(audit.groups()["group"].unique()) == ["f"]


def cells(frame):
    """The rows of a frame of any kind, missing values as None."""
    native = nw.from_native(frame)
    return [
        {name: None if value is None or value != value else value for name, value in row.items()}
        for row in native.rows(named=True)
    ]


@pytest.fixture(params=KINDS)
def kind(request):
    """A library, where it is installed."""
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow, by which tables are converted here, is not installed")
    return request.param


def test_tables_are_of_the_library_that_the_caller_has(kind, loans, asked):
    audit = evenhand.audit(KINDS[kind](loans), **asked, tolerance={"tpr": 0.05})
    expected = evenhand.audit(loans, **asked, tolerance={"tpr": 0.05})
    for name in ("groups", "gaps", "verdicts"):
        found = getattr(audit, name)()
        assert type(found).__module__.split(".")[0] == kind
        assert cells(found) == cells(getattr(expected, name)())


def test_a_lazy_table_and_a_file_are_answered_in_polars(loans, asked, tmp_path):
    loans.write_csv(tmp_path / "loans.csv")
    for source in (loans.lazy(), tmp_path / "loans.csv", str(tmp_path / "loans.csv")):
        assert isinstance(evenhand.audit(source, **asked).groups(), pl.DataFrame)


def test_duckdb_is_answered_in_polars(loans, asked):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    relation = duckdb.from_arrow(loans.to_arrow())
    assert isinstance(evenhand.audit(relation, **asked).gaps(), pl.DataFrame)


def test_each_row_is_what_audit_json_holds(loans, asked):
    audit = evenhand.audit(loans, **asked, tolerance={"tpr": 0.1, "auc": 0.06})
    groups, gaps, verdicts = (cells(table) for table in (audit.groups(), audit.gaps(), audit.verdicts()))
    parts = audit.data["attributes"]
    assert len(groups) == sum(len(group["metrics"]) for part in parts for group in part["groups"])
    for row in groups:
        part = next(part for part in parts if part["name"] == row["attribute"])
        group = next(group for group in part["groups"] if group["name"] == row["group"])
        entry = group["metrics"][row["metric"]]
        assert {key: row[key] for key in entry} == entry
        assert row["reference"] is (row["group"] == part["reference"])
    wanted = [{"attribute": part["name"], **gap} for part in parts for gap in part["gaps"]]
    assert gaps == [{key: gap[key] for key in gaps[0]} for gap in wanted]
    for row, verdict in zip(verdicts, audit.data["verdicts"], strict=True):
        needed = verdict["rows_needed"]
        assert row.pop("more_rows") == (needed and sum(needed["groups"].values()))
        assert row.pop("kind") == "largest"
        assert row == {key: verdict[key] for key in row}
    assert any(verdict["rows_needed"] for verdict in audit.data["verdicts"])


def test_a_table_without_rows_has_its_columns(kind, loans, asked):
    found = nw.from_native(evenhand.audit(KINDS[kind](loans), **asked).verdicts())
    assert len(found) == 0
    assert found.columns[:4] == ["attribute", "metric", "kind", "verdict"]


def test_a_policys_ratio_is_a_verdict_of_that_kind(loans):
    audit = evenhand.audit(loans, label="y", score="s", sensitive="sex", policy="us-four-fifths")
    (row,) = audit.verdicts().rows(named=True)
    assert (row["kind"], row["tolerance"]) == ("ratio", 0.8)


def test_of_several_labels_each_row_says_which(loans):
    frame = loans.with_columns(late=(pl.col("s") > 0.4).cast(int), d_late=pl.col("y"))
    frame = frame.with_columns(d_y=(pl.col("s") > 0.5).cast(int))
    audit = evenhand.audit(frame, labels=["y", "late"], prediction="d_{}", sensitive="sex", tolerance={"tpr": 0.1})
    for table in (audit.groups(), audit.gaps(), audit.verdicts()):
        assert table.columns[0] == "label"
        assert set(table["label"]) == {"y", "late"}


def test_the_tables_of_a_run_or_of_read_data_are_polars(loans, asked):
    again = evenhand.Audit(evenhand.audit(loans.to_pandas(), **asked).data)
    assert isinstance(again.groups(), pl.DataFrame)
