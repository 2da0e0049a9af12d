"""What lies in a folder beside its table, and films that stand under two patients: listed, refused or left out."""

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from evenhand import BadInput
from evenhand_healthcare import chest_xray
from evenhand_healthcare.copies import ALIKE, CELLS, dhash, same

from .record_rows import recipe


def film(seed, side=96):
    """A smooth random film."""
    rough = np.random.default_rng(seed).integers(0, 255, (9, 9), dtype=np.uint8)
    return Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def ward(tmp_path):
    """ward(change) -> a folder of 30 films of 30 patients whose table went through `change`."""

    def make(change=lambda rows: rows):
        for number in range(30):
            film(number).save(tmp_path / f"film{number:02d}.png")
        rows = pl.DataFrame(
            {
                "file_name": [f"film{n:02d}.png" for n in range(30)],
                "patientid": [f"p{n}" for n in range(30)],
                "sex": ["F", "M"] * 15,
                "age": ["050Y"] * 30,
                "finding": ["pneumonia", "none", "none"] * 10,
            }
        )
        change(rows).write_csv(tmp_path / "metadata.csv")
        return tmp_path

    return make


def renamed(*numbers, to="lost"):
    return lambda rows: rows.with_columns(
        pl.when(pl.int_range(pl.len()).is_in(list(numbers)))
        .then(pl.lit(to) + pl.col("file_name"))
        .otherwise("file_name")
        .alias("file_name")
    )


def load(folder, *settings):
    return chest_xray.load(recipe("chest-xray", *settings), folder)


def rows_of(splits):
    return len(splits.train) + len(splits.validation) + len(splits.test)


def test_rows_without_a_film_are_counted_and_listed(ward):
    with pytest.raises(BadInput, match=r"2 rows of .* name an image .*'lostfilm03.png', 'lostfilm07.png'; put them"):
        load(ward(renamed(3, 7)))


def test_rows_without_a_film_are_left_out_where_the_recipe_says_so_and_no_name_is_in_the_note(ward):
    splits = load(ward(renamed(3, 7)), "options.rows_without_image=skip")
    assert rows_of(splits) == 28
    assert "left out, as their image is not there: 2 rows" in splits.notes
    assert "images that no row names, and that are not used: 2" in splits.notes
    assert not any("film03" in note for note in splits.notes)


def test_films_without_a_row_are_counted_or_refused(ward):
    folder = ward(lambda rows: rows.head(26))
    splits = load(folder)
    assert rows_of(splits) == 26
    assert "images that no row names, and that are not used: 4" in splits.notes
    with pytest.raises(BadInput, match=r"4 images of .* have no row in its table: 'film26.png', .*'film29.png'"):
        load(folder, "options.images_without_row=refuse")


def test_a_whole_folder_has_nothing_to_say(ward):
    assert not [note for note in load(ward()).notes if "image" in note or "films" in note]


@pytest.mark.parametrize("name", ["../away.png", "/etc/passwd", "images/../../away.png"])
@pytest.mark.parametrize("answer", ["refuse", "skip"])
def test_a_name_that_leads_out_of_the_folder_is_refused_and_never_skipped(ward, name, answer):
    folder = ward(
        lambda rows: rows.with_columns(
            file_name=pl.when(pl.col("patientid") == "p4").then(pl.lit(name)).otherwise("file_name")
        )
    )
    film(1).save(folder.parent / "away.png")
    with pytest.raises(BadInput, match="outside"):
        load(folder, f"options.rows_without_image={answer}")


def test_an_answer_that_is_none_is_refused(ward):
    folder = ward(renamed(3))
    with pytest.raises(BadInput, match="say refuse or skip"):
        load(folder, "options.rows_without_image=maybe")
    with pytest.raises(BadInput, match="say say, drop or off"):
        load(ward(), "options.copies=maybe")


def saved_again(picture, shrink=0.7, brighter=1.1, quality=70):
    small = picture.resize((int(picture.width * shrink),) * 2, Image.Resampling.BICUBIC)
    content = io.BytesIO()
    ImageEnhance.Brightness(small).enhance(brighter).save(content, "JPEG", quality=quality)
    return content.getvalue()


def test_a_film_that_stands_under_two_patients_is_reported_and_dropped_where_asked(ward):
    folder = ward()
    sides = load(folder)
    tested, learnt = sides.test["patientid"][0], sides.train["patientid"][0]
    copy = saved_again(film(int(tested[1:])))
    (folder / f"film{int(learnt[1:]):02d}.png").write_bytes(copy)
    splits = load(folder)
    (note,) = [note for note in splits.notes if "two patients" in note]
    assert "1 pairs, 1 of them with one film to learn from" in note
    assert tested not in note
    assert rows_of(splits) == 30
    dropped = load(folder, "options.copies=drop")
    assert learnt not in dropped.train["patientid"]
    assert tested in dropped.test["patientid"]
    assert rows_of(dropped) == 29
    assert not [note for note in load(folder, "options.copies=off").notes if "two patients" in note]


def test_a_patient_may_have_two_films_that_look_the_same():
    bits = np.stack([dhash(film(1)), dhash(film(1)), dhash(film(2))])
    assert len(same(bits, np.array(["a", "a", "b"]))) == 0
    assert same(bits, np.array(["a", "b", "c"])).tolist() == [[0, 1]]


def test_films_that_are_all_alike_are_not_taken_for_copies(ward):
    folder = ward()
    for number in range(30):
        film(5).save(folder / f"film{number:02d}.png")
    (note,) = [note for note in load(folder, "options.copies=drop").notes if "copies" in note]
    assert "too much alike" in note
    assert rows_of(load(folder, "options.copies=drop")) == 30


def test_a_black_film_is_no_copy_of_another_black_film():
    bits = np.stack([dhash(Image.new("L", (50, 50))), dhash(Image.new("L", (60, 60)))])
    assert len(same(bits, np.array(["a", "b"]))) == 0


@given(st.integers(0, 2**32), st.floats(0.6, 1), st.integers(60, 95))
def test_a_film_that_was_saved_again_is_found_and_another_is_not(seed, shrink, quality):
    one, other = film(seed, 128), film(seed + 1, 128)
    again = dhash(Image.open(io.BytesIO(saved_again(one, shrink, 1.0, quality))))
    assert (again != dhash(one)).sum() <= ALIKE
    assert (again != dhash(other)).sum() > ALIKE


@given(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=12))
def test_pairs_are_those_whose_bits_differ_in_few_places(rows):
    bits = np.repeat(np.array(rows), CELLS * CELLS // 8, axis=1)
    wanted = {
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if any(rows[i]) and any(rows[j]) and (bits[i] != bits[j]).sum() <= ALIKE
    }
    assert set(map(tuple, same(bits, np.arange(len(rows))).tolist())) == wanted
