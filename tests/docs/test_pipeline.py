"""The pipelines of docs/pipeline.md: their commands work, fail where they say, and leave the files that later steps
keep."""

import json
import re
import shlex
import shutil

import polars as pl
import pytest
from examples import ROOT

PAGE = (ROOT / "docs" / "pipeline.md").read_text("utf-8")
JOBS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
ASKED = 'label = "repaid"\nscore = "champion"\nsensitive = "sex"\ntolerance = {{tpr = {}}}\n'


def command_of(job):
    (line,) = re.findall(r"evenhand (audit .+)$", job, re.M)
    return shlex.split(line)


@pytest.mark.parametrize("job", JOBS, ids=["github", "gitlab"])
@pytest.mark.parametrize(("tolerance", "fails"), [(0.9, False), (0.0, True)])
def test_a_job_passes_or_fails_and_leaves_what_is_kept(job, tolerance, fails, evenhand, tmp_path):
    frame = pl.read_csv(ROOT / "docs" / "data" / "loans.csv")
    women = pl.col("sex") == "female"
    frame = frame.with_columns(champion=pl.when(women).then(0.1).otherwise("champion"))
    frame.write_parquet(tmp_path / "preds.parquet")
    (tmp_path / "audit.toml").write_text(ASKED.format(tolerance))
    done = evenhand(*command_of(job))
    assert (done.returncode, done.stderr) == (int(fails), "")
    kept = set(re.findall(r"report/[\w.]+", job))
    assert kept
    assert all((tmp_path / name).stat().st_size > 100 for name in kept)


def test_the_short_object_holds_what_the_page_says(evenhand, tmp_path):
    shutil.copy(ROOT / "docs" / "data" / "loans.csv", tmp_path)
    (tmp_path / "audit.toml").write_text(ASKED.format(0.1))
    told = evenhand("audit", "loans.csv", "--question", "audit.toml", "--json", "--summary")
    said = PAGE.split("`verdict.json` then holds")[1].split(";")[0]
    assert set(json.loads(told.stdout)) == set(re.findall(r"`(\w+)`", said))
