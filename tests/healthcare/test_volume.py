"""healthcare/volume on its sample: the planted faults are found, and a volume stored otherwise is scored the same."""

import gzip
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


@pytest.mark.slow
def test_the_planted_label_bias_is_found_as_underdiagnosis_of_the_old(audit):
    found = next(v for v in audit["verdicts"] if (v["attribute"], v["metric"]) == ("age_band", "underdiagnosis"))
    assert found["verdict"] == "exceeded"
    (ages,) = [a for a in audit["attributes"] if a["name"] == "age_band"]
    rates = {group["name"]: group["metrics"]["underdiagnosis"]["value"] for group in ages["groups"]}
    assert max(rates, key=rates.get) == "60-79"


@pytest.mark.slow
def test_nothing_is_proven_of_the_sexes_in_which_nothing_was_planted(audit):
    verdicts = {(v["attribute"], v["metric"]): v["verdict"] for v in audit["verdicts"]}
    assert verdicts["sex", "underdiagnosis"] != "exceeded"
    assert verdicts["sex", "overdiagnosis"] != "exceeded"


@pytest.mark.slow
def test_the_planted_frame_is_found_at_the_borders(measured, volume_run):
    assert measured["shortcut_borders", "auc"]["lower"] > 0.55
    assert measured["shortcut_patient_id", "auc"]["lower"] <= 0.52
    assert "the head masked" in (volume_run / "report.html").read_text()


@pytest.mark.slow
def test_the_model_reads_the_volumes(measured):
    assert measured["adapted", "auc"]["lower"] > measured["shortcut_borders", "auc"]["upper"]


@pytest.mark.slow
def test_the_stored_model_says_of_the_test_what_the_run_said(volume_run, scorer):
    said = pl.read_parquet(volume_run / "predictions.parquet")["score"].to_numpy()
    rows = samples.heads(0)
    test = [i for i, split in enumerate(rows["split"]) if split == "test"][:6]
    assert np.allclose(scored(scorer, [rows["file_name"][i] for i in test]), said[:6], atol=1e-6)  # in other batches


def stored_anew(cell, factors=None, codes=None):
    """A volume of the sample, sampled anew by so many voxels for one, or stored in another order of axes."""
    import nibabel
    from scipy.ndimage import zoom

    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(cell["bytes"]))
    if codes:
        turn = nibabel.orientations.ornt_transform(
            nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(codes)
        )
        image = image.as_reoriented(turn)
    if factors:
        voxels = zoom(np.asarray(image.dataobj, np.float32), factors, order=1, mode="nearest", grid_mode=True)
        affine = image.affine.copy()
        affine[:3, :3] *= np.array(image.shape) / voxels.shape
        image = nibabel.Nifti1Image(np.rint(voxels).astype(np.int16), affine)
    return {"bytes": gzip.compress(image.to_bytes(), 1), "path": None}


@pytest.mark.slow
def test_a_flipped_turned_or_resampled_volume_gets_the_same_score(scorer):
    cells = samples.heads(7, {"test": 8})["file_name"]
    before = scored(scorer, cells)
    for codes in ("LPS", "SAR", "AIL"):
        assert np.allclose(scored(scorer, [stored_anew(cell, codes=codes) for cell in cells]), before, atol=1e-5)
    for factors, most in (((1.5, 1.25, 2), 0.15), ((0.75, 0.8, 1), 0.25)):
        moved = np.abs(scored(scorer, [stored_anew(cell, factors) for cell in cells]) - before)
        assert moved.max() < most
        assert moved.mean() < 0.06
    assert before.max() - before.min() > 0.5  # there is something to keep


@pytest.mark.slow
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
