"""A run directory holds whole artefacts, knows what is done, and has one writer at a time."""

import json
from pathlib import Path

import pytest

from evenhand import BadInput, Recipe
from evenhand.files import atomic
from evenhand.recorded.run_folder import Run

RECIPE = Recipe(name="job", domain="toy", title="t", task="binary", modality="table")


WRITES = {"load_data": ("data.json",), "finetune": ("model.txt",)}


def open_run(path, identity="a", walk="run"):
    return Run(path / "run", RECIPE, identity, walk=walk, stages=WRITES)


def test_a_finished_stage_is_remembered(tmp_path):
    with open_run(tmp_path) as run:
        run.write("data.json", "{}")
        run.finish("load_data", 0.1)
    with open_run(tmp_path) as run:
        assert run.is_done("load_data")
        assert not run.is_done("finetune")


def test_a_changed_artefact_makes_its_stage_undone(tmp_path):
    with open_run(tmp_path) as run:
        run.write("data.json", "{}")
        run.finish("load_data", 0.1)
        (run.path / "data.json").write_text("{1}")
        assert not run.is_done("load_data")


def test_redoing_a_stage_forgets_the_later_ones(tmp_path):
    with open_run(tmp_path) as run:
        for stage, (name,) in WRITES.items():
            run.write(name, stage)
            run.finish(stage, 0.1)
        run.finish("load_data", 0.1)
        assert not run.is_done("finetune")


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(RuntimeError), atomic(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "file").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_two_runs_in_one_directory_are_refused(tmp_path):
    with open_run(tmp_path), pytest.raises(BadInput, match="another evenhand run is writing"), open_run(tmp_path):
        pass


def test_a_directory_of_another_run_is_refused(tmp_path):
    with open_run(tmp_path) as run:
        run.record(seed=0)
    with pytest.raises(BadInput, match="another recipe, setting or data"), open_run(tmp_path, "b"):
        pass


def test_a_directory_of_another_walk_is_refused(tmp_path):
    with open_run(tmp_path) as run:
        run.record(seed=0)
    with pytest.raises(BadInput, match="was left by `run`, not by `tune`"), open_run(tmp_path, walk="tune"):
        pass


def test_a_manifest_from_before_there_were_other_walks_is_a_runs(tmp_path):
    with open_run(tmp_path) as run:
        run.write("data.json", "{}")
        run.finish("load_data", 0.1)
    file = tmp_path / "run" / "manifest.json"
    old = {key: value for key, value in json.loads(file.read_text()).items() if key != "walk"}
    file.write_text(json.dumps(old))
    with open_run(tmp_path) as run:
        assert run.is_done("load_data")
        assert run.manifest["walk"] == {"name": "run", "stages": list(WRITES)}
    with pytest.raises(BadInput, match="was left by `run`"), open_run(tmp_path, walk="tune"):
        pass


def test_a_stage_that_did_not_write_what_it_promised_is_not_recorded(tmp_path):
    with open_run(tmp_path) as run:
        with pytest.raises(RuntimeError, match="finetune of run promises model.txt"):
            run.finish("finetune", 0.1)
        assert not run.is_done("finetune")


def test_what_was_written_before_the_first_record_is_no_strangers(tmp_path):
    with open_run(tmp_path) as run:
        run.log("stage_started", stage="load_data")
        run.write("data.json", "{}")  # killed here
    with open_run(tmp_path) as run:
        assert run.manifest["stages"] == {}


def test_a_directory_with_a_strangers_files_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.docx").write_text("precious")
    with pytest.raises(BadInput, match="thesis.docx"), open_run(tmp_path):
        pass
    assert (tmp_path / "run" / "thesis.docx").read_text() == "precious"


def test_a_damaged_manifest_is_refused(tmp_path):
    with open_run(tmp_path) as run:
        run.record(seed=0)
    (tmp_path / "run" / "manifest.json").write_text('{"identity"')
    with pytest.raises(BadInput, match="damaged"), open_run(tmp_path):
        pass


def test_what_a_killed_process_left_is_swept(tmp_path):
    with open_run(tmp_path) as run:
        run.record(seed=0)
    (tmp_path / "run" / ".tmp-1-model").mkdir()
    with open_run(tmp_path):
        assert not (tmp_path / "run" / ".tmp-1-model").exists()


def test_the_log_is_one_json_object_a_line(tmp_path):
    with open_run(tmp_path) as run:
        run.log("epoch", loss=0.5)
        run.log("epoch", loss=0.4)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [0.5, 0.4]


@pytest.mark.parametrize("named", [".", "../run"])
def test_a_run_is_adapted_beside_itself_also_where_it_is_named_from_inside(named, tmp_path, monkeypatch):
    from evenhand.living.sites.walk import beside

    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    assert beside(Path(named), "0123456789").resolve() == tmp_path / "run-adapted-01234567"
