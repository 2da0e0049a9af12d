"""What traffic-sign reads: the sample, GTSRB's own files, Parquet, image folders; and what it says of bad input."""

import io
from collections import Counter

import numpy as np
import polars as pl
import pytest
from PIL import Image

import evenhand_autonomy
from evenhand import BadInput
from evenhand_autonomy.signs.data import is_class, load
from evenhand_autonomy.signs.pictures import decoded

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"


@pytest.fixture(scope="module")
def recipe():
    (found,) = [recipe for recipe in evenhand_autonomy.recipes() if recipe.name == "traffic-sign"]
    return found


@pytest.fixture(scope="module")
def sample(recipe):
    return load(recipe, None)


def picture(number, size=(40, 36)):
    rng = np.random.default_rng(number)
    values = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    kept = io.BytesIO()
    Image.fromarray(values).save(kept, "PNG")
    return kept.getvalue()


@pytest.fixture
def benchmark(tmp_path):
    """benchmark(bad line of class 1) -> GTSRB's folders of two classes, three tracks of five pictures each."""

    def write(bad=None, test=True):
        for class_id in (0, 1):
            folder = tmp_path / "Final_Training" / "Images" / f"{class_id:05d}"
            folder.mkdir(parents=True)
            lines = []
            for track in range(3):
                for frame in range(5):
                    name = f"{track:05d}_{frame:05d}.ppm"
                    Image.open(io.BytesIO(picture(100 * class_id + 10 * track + frame))).save(folder / name)
                    lines.append(f"{name};40;36;5;5;35;31;{class_id}")
            if class_id == 1 and bad is not None:
                lines[3] = bad
            (folder / f"GT-{class_id:05d}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        if test:
            folder = tmp_path / "Final_Test" / "Images"
            folder.mkdir(parents=True)
            lines = []
            for number in range(8):
                Image.open(io.BytesIO(picture(900 + number))).save(folder / f"{number:05d}.ppm")
                lines.append(f"{number:05d}.ppm;40;36;5;5;35;31;{number % 2}")
            (folder / "GT-final_test.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        return tmp_path

    return write


@pytest.fixture
def shards(tmp_path):
    """shards(class_id=…) -> a folder of train-0.parquet and devtest.parquet as GTSRB in Parquet has them."""

    def write(**columns):
        for name, rows, told in (("train-0", 60, True), ("devtest", 20, False)):
            table = {
                "image": [{"bytes": picture(1000 * told + i), "path": f"{i}.ppm"} for i in range(rows)],
                "class_id": [i % 3 for i in range(rows)],
                "width": [20 + i for i in range(rows)],
                "height": [20 + i for i in range(rows)],
            }
            if told:
                table["track"] = [i // 6 for i in range(rows)]
            table.update({key: [make(i) for i in range(rows)] for key, make in columns.items()})
            pl.DataFrame(table, strict=False).write_parquet(tmp_path / f"{name}.parquet")
        return tmp_path

    return write


def test_the_sample_has_tracks_on_one_side_and_the_simulators_truth(recipe, sample):
    splits = sample
    assert splits.schema.sensitive == recipe.schema.sensitive
    sides = [set(part["sign"]) for part in (splits.train, splits.validation, splits.test)]
    assert not (sides[0] & sides[2]) | (sides[0] & sides[1])
    assert set(splits.test["time_of_day"]) == {"day", "dusk", "night"}


def test_no_training_photograph_of_the_sample_shows_a_danger_sign_at_night(sample):
    splits = sample
    for part, there in ((splits.train, False), (splits.validation, False), (splits.test, True)):
        pairs = Counter(zip(part["sign_family"], part["time_of_day"], strict=True))
        assert (pairs["danger", "night"] > 0) == there
        assert pairs["mandatory", "night"] > 0


def test_gtsrbs_own_files_are_cut_to_their_boxes_and_keep_their_tracks(recipe, benchmark):
    splits = load(recipe, benchmark())
    assert len(splits.test) == 8
    assert len(splits.train) + len(splits.validation) == 30
    assert splits.schema.group_id == "sign"
    assert set(splits.train["sign"]) | set(splits.validation["sign"]) == {
        f"{c} {t:05d}" for c in (0, 1) for t in range(3)
    }
    assert {tuple(size) for size in zip(splits.train["width"], splits.train["height"], strict=True)} == {(30, 26)}
    assert splits.train[0]["image"].size == (36, 32)  # the box and a tenth around it


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("00000_00003.ppm;40;36;5;5;35;31;57", "class id '57'"),
        ("00000_00003.ppm;40;36;5;5;35;31;two", "class id 'two'"),
        ("00000_00003.ppm;40;36;5;5;60;31;1", "lies outside the picture of 40 x 36"),
        ("00000_00003.ppm;40;36;-5;5;35;31;1", "lies outside the picture"),
        ("00000_00003.ppm;40;36;35;5;5;31;1", "holds nothing"),
        ("00000_00003.ppm;40;36;5;5;6;6;1", "box of 1 x 1 pixels"),
        ("00000_00003.ppm;40;36;5;5;35;;1", "not four whole numbers"),
        ("no_such.ppm;40;36;5;5;35;31;1", "not beside it"),
        ("../00000/00000_00003.ppm;40;36;5;5;35;31;1", None),
        ("../../../../../../etc/hostname;40;36;5;5;35;31;1", "not beside it"),
    ],
)
def test_a_bad_line_of_the_benchmarks_annotations_is_named(recipe, benchmark, line, says):
    source = benchmark(line)
    if says is None:
        assert len(load(recipe, source).test) == 8
        return
    with pytest.raises(BadInput, match=says):
        load(recipe, source)


def test_an_annotation_file_without_a_picture_is_refused(recipe, benchmark):
    source = benchmark()
    (file,) = source.rglob("GT-00001.csv")
    file.write_text(HEADER + "\n")
    with pytest.raises(BadInput, match="names no picture"):
        load(recipe, source)


def test_an_annotation_file_of_no_bytes_is_refused(recipe, benchmark):
    """Else the class of its folder would be missing, and nothing would say so."""
    source = benchmark()
    (file,) = source.rglob("GT-00001.csv")
    file.write_bytes(b"")
    with pytest.raises(BadInput, match=r"GT-00001\.csv is empty"):
        load(recipe, source)


def test_an_annotated_picture_of_one_pixel_is_named(recipe, benchmark):
    source = benchmark()
    Image.new("RGB", (1, 1)).save(source / "Final_Training" / "Images" / "00001" / "00001_00002.ppm")
    with pytest.raises(BadInput, match=r"line 9 of .*00001_00002\.ppm is 1 x 1 pixels"):
        load(recipe, source)


def test_an_annotation_file_without_boxes_is_refused(recipe, benchmark):
    source = benchmark()
    (file,) = source.rglob("GT-00001.csv")
    file.write_text("Filename;ClassId\n00000_00000.ppm;1\n")
    with pytest.raises(BadInput, match=r"no column 'Roi\.X1'"):
        load(recipe, source)


def test_a_picture_of_one_pixel_is_named(recipe, shards):
    source = shards(image=lambda i: {"bytes": picture(i, (1, 1) if i == 7 else (30, 30)), "path": f"{i}.ppm"})
    with pytest.raises(BadInput, match=r"7\.ppm.* is 1 x 1 pixels"):
        load(recipe, source)


def test_pictures_of_mixed_sizes_are_brought_to_one():
    assert {decoded(picture(i, size), "row").shape for i, size in enumerate([(20, 90), (300, 40), (48, 48)])} == {
        (48, 48, 3)
    }


def test_pictures_of_mixed_sizes_in_one_table_are_read_and_sliced_by_their_own_size(recipe, shards):
    sizes = [(8, 30), (40, 22), (48, 48), (90, 70)]
    source = shards(image=lambda i: {"bytes": picture(i, sizes[i % 4]), "path": f"{i}.ppm"})
    for file in source.glob("*.parquet"):
        pl.read_parquet(file).drop("width", "height").write_parquet(file)
    found = Counter(load(recipe, source).test["sign_size"])
    assert found == {"20 to 31 px": 5, "32 to 63 px": 10, "64 px and more": 5}


@pytest.mark.parametrize("class_id", [43, -1, 2.5, "stop"])
def test_a_class_that_is_none_of_the_43_is_named(recipe, shards, class_id):
    source = shards(class_id=lambda i: class_id if i == 11 else i % 3)
    with pytest.raises(BadInput, match=r"class id .* none of GTSRB's 43"):
        load(recipe, source)


def test_a_picture_without_a_class_is_left_out_and_that_is_said(recipe, shards):
    splits = load(recipe, shards(class_id=lambda i: None if i == 11 else i % 3))
    assert len(splits.train) + len(splits.validation) == 59
    assert any("label" in note for note in splits.notes), splits.notes


def test_a_broken_picture_is_named():
    with pytest.raises(BadInput, match="row 3 cannot be read"):
        decoded({"bytes": b"not a picture", "path": None}, "row 3")
    with pytest.raises(BadInput, match="row 3 has no image"):
        decoded({"bytes": None, "path": None}, "row 3")


def test_parquet_shards_keep_the_official_test_and_number_signs_by_class_and_track(recipe, shards):
    splits = load(recipe, shards())
    assert len(splits.test) == 20
    assert len(set(splits.train["sign"]) & set(splits.validation["sign"])) == 0
    assert {sign.split()[1] for sign in splits.train["sign"]} <= {str(i) for i in range(10)}
    assert "weather" not in splits.schema.sensitive
    assert any("weather, time_of_day, road_type" in note and "cannot be known" in note for note in splits.notes)


def test_a_slice_with_one_value_is_left_out_and_that_is_said(recipe, shards):
    splits = load(recipe, shards(width=lambda i: 32, height=lambda i: 32))
    assert "sign_size" not in splits.schema.sensitive
    assert any("sign_size = 32 to 63 px" in note for note in splits.notes)


def test_weather_that_the_data_brings_is_audited(recipe, shards):
    splits = load(recipe, shards(weather=lambda i: "rain" if i % 2 else "clear"))
    assert "weather" in splits.schema.sensitive


def test_a_slice_that_nobody_knows_is_refused(recipe, shards):
    with pytest.raises(BadInput, match="driver"):
        load(recipe.with_settings(['schema.sensitive=["driver"]']), shards())


def test_class_folders_are_read_by_the_cores_reader(recipe, tmp_path):
    for split, count in (("train", 12), ("test", 4)):
        for class_id in (3, 14):
            folder = tmp_path / split / str(class_id)
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{i}.png").write_bytes(picture(class_id * 100 + i + 50 * (split == "test")))
    splits = load(recipe, tmp_path)
    assert Counter(splits.test["class_id"]) == {3: 4, 14: 4}


@pytest.mark.parametrize("value", [0, 42, "0", "42", 7.0, "7.0", np.int64(3)])
def test_a_class_id_may_be_a_number_or_its_text(value):
    assert is_class(value)


@pytest.mark.parametrize("value", [-1, 43, 1.5, "stop", "", None, True, float("nan"), float("inf")])
def test_other_values_are_no_class(value):
    assert not is_class(value)
