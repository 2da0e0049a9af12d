"""The fingerprint changes with the content and with nothing else."""

import hashlib
import shutil

import pytest

from evenhand import read_splits, splits_from_rows


def test_of_a_file_it_is_the_sha256_that_sha256sum_prints(recipe, rows, write):
    path = write("rows.csv", rows())
    assert read_splits(recipe(), path).fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def folder_of(rows, write):
    write("data/train.csv", rows())
    return write("data/test.csv", rows(10, prefix="test")).parent


def test_of_a_folder_it_is_the_same_wherever_the_folder_lies(recipe, rows, write, tmp_path):
    folder = folder_of(rows, write)
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert read_splits(recipe(), folder).fingerprint == read_splits(recipe(), moved).fingerprint


@pytest.mark.parametrize("change", ["content", "name"])
def test_of_a_folder_it_changes_with_content_and_names(recipe, rows, write, change):
    folder = folder_of(rows, write)
    before = read_splits(recipe(), folder).fingerprint
    if change == "content":
        (folder / "test.csv").write_text((folder / "test.csv").read_text().replace("test 0", "test 00"))
    else:
        (folder / "test.csv").rename(folder / "test-0.csv")
    assert read_splits(recipe(), folder).fingerprint != before


def test_of_a_metadata_table_it_holds_the_images(recipe, write, picture):
    for i in range(20):
        picture(f"album/{i}.png", i)
    path = write("album/metadata.csv", {"filename": [f"{i}.png" for i in range(20)], "y": list("ab" * 10)})
    before = read_splits(recipe(modality="image", input="filename"), path).fingerprint
    picture("album/3.png", 99)
    assert read_splits(recipe(modality="image", input="filename"), path).fingerprint != before


def test_of_rows_in_memory_it_does_not_depend_on_how_they_lie_there(recipe, rows):
    from datasets import Dataset, concatenate_datasets

    whole = Dataset.from_dict(rows())
    pieces = concatenate_datasets([whole.select(range(7)), whole.select(range(7, 40))])
    turned = whole.select(range(39, -1, -1)).select(range(39, -1, -1))
    prints = {splits_from_rows(recipe(), table, "rows").fingerprint for table in (whole, pieces, turned)}
    assert len(prints) == 1


@pytest.mark.parametrize("change", [{"text": ["other"] + [f"row {i}" for i in range(1, 40)]}, {"extra": [1] * 40}])
def test_of_rows_in_memory_it_changes_with_values_and_columns(recipe, rows, change):
    before = splits_from_rows(recipe(), rows(), "rows").fingerprint
    assert splits_from_rows(recipe(), rows() | change, "rows").fingerprint != before


def test_of_rows_in_memory_it_does_not_depend_on_the_seed(recipe, rows):
    assert len({splits_from_rows(recipe(seed=seed), rows(), "rows").fingerprint for seed in (0, 1)}) == 1
