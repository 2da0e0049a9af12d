"""healthcare/volume on its sample: the planted faults are found, and a volume stored otherwise is scored the same."""

import json

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand_healthcare.volume import samples

from .record_rows import recipe
from .volume_files import series


@pytest.fixture(scope="module")
def audit(volume_run):
    return json.loads((volume_run / "audit.json").read_text())


@pytest.fixture(scope="module")
def measured(volume_run):
    return {(one["model"], one["name"]): one for one in json.loads((volume_run / "evaluation.json").read_text())}


@pytest.fixture(scope="module")
def scorer(volume_run):
    return evenhand.load(volume_run)


def scored(scorer, cells):
    """The probability of a bleeding for each cell of the volume column."""
    place = list(scorer.adapted.classes).index("bleeding")
    frame = pl.DataFrame({"file_name": cells, "age": ["050Y"] * len(cells), "sex": ["F"] * len(cells)})
    return scorer.predict_proba(frame)[:, place]


def test_the_planted_label_bias_is_found_as_underdiagnosis_of_the_old(audit):
    found = next(v for v in audit["verdicts"] if (v["attribute"], v["metric"]) == ("age_band", "underdiagnosis"))
    assert found["verdict"] == "exceeded"
    (ages,) = [a for a in audit["attributes"] if a["name"] == "age_band"]
    rates = {e["group"]: e["value"] for e in ages["estimates"] if e["metric"] == "underdiagnosis"}
    assert max(rates, key=rates.get) == "60-79"


def test_nothing_is_proven_of_the_sexes_in_which_nothing_was_planted(audit):
    verdicts = {(v["attribute"], v["metric"]): v["verdict"] for v in audit["verdicts"]}
    assert verdicts["sex", "underdiagnosis"] != "exceeded"
    assert verdicts["sex", "overdiagnosis"] != "exceeded"


def test_the_planted_frame_is_found_at_the_borders(measured, audit, volume_run):
    assert measured["shortcut_borders", "auc"]["lower"] > 0.6
    assert measured["shortcut_patient_id", "auc"]["lower"] <= 0.52
    assert "the head masked" in (volume_run / "report.html").read_text()
    follows = [e for e in audit["estimates"] if e["name"].startswith("missed_more") and e["group"] == "borders"]
    assert follows[0]["lower"] > 0


def test_the_model_reads_the_volumes(measured):
    assert measured["adapted", "auc"]["lower"] > measured["shortcut_borders", "auc"]["upper"]


def test_the_stored_model_says_of_the_test_what_the_run_said(volume_run, scorer):
    said = pl.read_parquet(volume_run / "predictions.parquet")["score"].to_numpy()
    rows = samples.heads(0)
    test = [i for i, split in enumerate(rows["split"]) if split == "test"][:6]
    assert np.array_equal(scored(scorer, [rows["file_name"][i] for i in test]), said[:6])


def test_a_flipped_turned_or_resampled_volume_gets_the_same_score(scorer):
    rng = np.random.default_rng(5)
    same, anew = [], []
    for sick in (True, False):
        head = samples.a_head(rng, 50, sick, False)
        for codes in ("RAS", "LPS", "ASR", "SLA"):
            scanner = samples.Scanner(1, (3.0, 3.0, 5.0), tuple(codes), 0, 1)
            same.append(samples.written(4 * samples.sampled(head, scanner.spacing), scanner))
        finer = samples.Scanner(1, (2.0, 2.5, 2.5), ("R", "A", "S"), 0, 1)
        anew.append(samples.written(4 * samples.sampled(head, finer.spacing), finer))
    found = scored(scorer, [{"bytes": c, "path": None} for c in same]).reshape(2, 4)
    assert np.allclose(found, found[:, :1], atol=1e-5)
    assert np.allclose(scored(scorer, [{"bytes": c, "path": None} for c in anew]), found[:, 0], atol=0.1)


def test_a_folder_of_nifti_and_dicom_is_scored(scorer, tmp_path):
    pytest.importorskip("pydicom")
    assert samples.main([str(tmp_path / "new")]) == 0
    table = pl.read_csv(tmp_path / "new" / "metadata.csv").head(2)
    one = series(tmp_path / "new" / "patient7")[0].relative_to(tmp_path / "new")
    rows = pl.concat([table, table.head(1).with_columns(pl.lit(str(one)).alias("file_name"))])
    rows.write_csv(tmp_path / "new" / "metadata.csv")
    assert scorer.predict_proba(tmp_path / "new").shape == (3, 2)


def test_the_sample_is_repeatable_and_at_fault_as_its_module_says():
    few = {"train": 300}
    rows = samples.heads(3, few)
    again = samples.heads(3, {"train": 4})
    assert samples.heads(3, {"train": 4}) == again
    assert samples.heads(4, {"train": 4}) != again
    old = np.array([int(age[:3]) >= samples.OLD for age in rows["age"]])
    sick = np.array([finding == "bleeding" for finding in rows["finding"]])
    assert sick[old].mean() < 0.2 < 0.4 < sick[~old].mean()
    assert len(set(rows["patientid"])) == 300


def test_a_volume_that_is_damaged_ends_the_run_with_its_row_named(tmp_path):
    assert samples.main([str(tmp_path)]) == 0
    table = pl.read_csv(tmp_path / "metadata.csv")
    bad = tmp_path / table["file_name"][7]
    bad.write_bytes(bad.read_bytes()[:2000])
    with pytest.raises(BadInput, match=rf"{bad.name}\) cannot be read: .*end is missing"):
        evenhand.run("healthcare/volume", data=tmp_path, out=tmp_path / "run")


def test_the_command_that_writes_heads_says_how_it_is_called(capsys):
    assert samples.main([]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["task=multiclass", "finetune.strategy=lora"])
def test_what_a_probe_of_two_classes_cannot_do_is_refused(setting, tmp_path):
    with pytest.raises(BadInput, match="tells two classes apart by a probe"):
        from evenhand_healthcare.volume import data

        data.fit(recipe("volume", setting), None, object(), None)
