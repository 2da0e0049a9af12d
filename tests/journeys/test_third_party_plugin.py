"""A domain plugin from its own package, in under 40 lines, shows up and works, with no change to core."""

import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example-plugin"


@pytest.fixture
def churn(install):
    return install("churn", "evenhand_churn", EXAMPLE)


def test_it_is_under_forty_lines():
    assert len((EXAMPLE / "evenhand_churn" / "__init__.py").read_text().splitlines()) < 40


def test_it_shows_up(evenhand, churn):
    assert "churn/leavers" in evenhand("recipes", env=churn).stdout
    assert "evenhand-test-churn 1.0" in evenhand("plugins", env=churn).stdout


def test_it_walks_the_whole_corridor(evenhand, churn, tmp_path):
    done = evenhand("run", "churn/leavers", "--out", "run", env=churn)
    assert done.returncode in (0, 1), done.stderr
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    rates = {group["name"]: group["metrics"]["overlooked"]["value"] for group in audit["attributes"][0]["groups"]}
    assert rates["country"] > rates["city"]
    assert str(tmp_path / "run" / "report.html") in done.stdout or "run/report.html" in done.stdout


@pytest.mark.slow
def test_a_run_is_verified_also_after_its_report_was_rendered_again(evenhand, churn, tmp_path):
    assert evenhand("run", "churn/leavers", "--out", "run", env=churn).returncode in (0, 1)
    for _ in range(2):
        done = evenhand("verify", "run", env=churn)
        assert done.returncode == 0, done.stdout
        assert "holds   report.html of report" in done.stdout
        assert evenhand("report", "run", env=churn).returncode == 0
    again = evenhand("run", "churn/leavers", "--out", "run", env=churn)
    assert again.stderr.count("done before") == 6


@pytest.mark.slow
def test_it_reads_a_users_own_file(evenhand, churn, tmp_path):
    lines = [f"{i % 50},{i % 9},{'north' if i % 3 else 'south'},{'yes' if i % 9 > 4 else 'no'}" for i in range(300)]
    (tmp_path / "mine.csv").write_text("months,calls,region,left\n" + "\n".join(lines))
    done = evenhand("run", "churn/leavers", "--data", "mine.csv", "--out", "run", env=churn)
    assert done.returncode in (0, 1), done.stderr


def test_a_broken_third_party_plugin_leaves_the_rest_working(evenhand, install, tmp_path):
    (tmp_path / "broken.py").write_text("import sys\nsys.exit('gone')\n")
    env = install("broken", "broken", tmp_path)
    assert "quarantined: it called sys.exit" in evenhand("plugins", env=env).stdout
    assert "nlp/support-intent" in evenhand("recipes", env=env).stdout


@pytest.mark.slow
def test_the_kit_passes_for_it(churn, monkeypatch):
    for path in churn["PYTHONPATH"].split(":"):
        monkeypatch.syspath_prepend(path)
    from evenhand.testing import CHECKS

    for check in CHECKS:
        check("churn")
