"""Images beside a metadata table, in class folders or inside a table; never from outside the folder."""

import os

import pytest

from evenhand import BadInput, read_splits, splits_from_rows


@pytest.fixture
def album(write, picture):
    """A folder of images/ and metadata -> its path."""

    def make(name="metadata.csv", column="filename", n=20, images="images"):
        names = [f"{i}.png" for i in range(n)]
        for i, file in enumerate(names):
            picture(f"album/{images}/{file}" if images else f"album/{file}", i)
        return write(f"album/{name}", {column: names, "y": ["ab"[i % 2] for i in range(n)]}).parent

    return make


def greys(part, column="filename"):
    return {image.getpixel((0, 0)) for image in part[column]}


def all_greys(splits, column="filename"):
    return greys(splits.train, column) | greys(splits.validation, column) | greys(splits.test, column)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.parquet", "metadata.jsonl"])
@pytest.mark.parametrize("column", ["filename", "file_name"])
def test_a_metadata_table_names_the_images(recipe, album, name, column):
    splits = read_splits(recipe(modality="image", input=column), album(name, column))
    assert all_greys(splits, column) == set(range(20))


def test_images_may_lie_beside_the_table(recipe, album):
    assert all_greys(read_splits(recipe(modality="image", input="filename"), album(images=""))) == set(range(20))


def test_the_table_itself_may_be_named(recipe, album):
    splits = read_splits(recipe(modality="image", input="filename"), album() / "metadata.csv")
    assert all_greys(splits) == set(range(20))


def test_other_tables_beside_the_metadata_do_not_matter(recipe, album, write):
    write("album/mapping.csv", "a,b\n1,2\n")
    assert all_greys(read_splits(recipe(modality="image", input="filename"), album())) == set(range(20))


def test_class_folders_name_the_label(recipe, tmp_path, picture):
    for i in range(20):
        picture(f"album/{'cat' if i < 10 else 'dog'}/{i}.png", i)
    splits = read_splits(recipe(modality="image", input="image"), tmp_path / "album")
    for part in (splits.train, splits.validation, splits.test):
        assert all(
            (label == "cat") == (image.getpixel((0, 0)) < 10)
            for image, label in zip(part["image"], part["y"], strict=True)
        )


def test_class_folders_below_train_and_test_are_an_official_split(recipe, tmp_path, picture):
    for i in range(24):
        picture(f"album/{'train' if i < 20 else 'test'}/{'cat' if i % 2 else 'dog'}/{i}.png", i)
    splits = read_splits(recipe(modality="image", input="image"), tmp_path / "album")
    assert greys(splits.test, "image") == {20, 21, 22, 23}
    assert set(splits.train["y"]) == {"cat", "dog"}


def test_hidden_files_are_no_images(recipe, tmp_path, picture):
    for i in range(20):
        picture(f"album/{'cat' if i < 10 else 'dog'}/{i}.png", i)
    picture("album/.thumbnails/x.png", 200)
    picture("album/cat/.hidden.png", 201)
    assert all_greys(read_splits(recipe(modality="image", input="image"), tmp_path / "album"), "image") == set(
        range(20)
    )


def test_images_inside_a_table_are_decoded(recipe, write, picture, tmp_path):
    images = [{"bytes": picture(f"{i}.png", i).read_bytes(), "path": f"{i}.png"} for i in range(20)]
    path = write("data/rows.parquet", {"image": images, "y": ["ab"[i % 2] for i in range(20)]})
    assert all_greys(read_splits(recipe(modality="image", input="image"), path), "image") == set(range(20))


def test_images_inside_rows_in_memory_are_decoded(recipe, picture):
    images = [{"bytes": picture(f"{i}.png", i).read_bytes(), "path": None} for i in range(20)]
    splits = splits_from_rows(recipe(modality="image", input="image"), {"image": images, "y": list("ab" * 10)}, "rows")
    assert all_greys(splits, "image") == set(range(20))


def test_the_same_image_under_two_names_in_train_and_test_is_counted(recipe, write, picture):
    for i in range(24):
        picture(f"data/images/{i}.png", 3 if i == 20 else i)  # image 20, in test, is a copy of image 3
    for part, numbers in (("train", range(20)), ("validation", range(22, 24)), ("test", range(20, 22))):
        path = write(
            f"data/{part}.csv", {"filename": [f"{i}.png" for i in numbers], "y": ["ab"[i % 2] for i in numbers]}
        )
    splits = read_splits(recipe(modality="image", input="filename"), path.parent)
    assert any("1 of 2 test rows" in note for note in splits.notes)


@pytest.mark.parametrize(
    "name", ["../secret.png", "images/../../secret.png", "{root}/secret.png", "link.png", "../album/0.png"]
)
def test_a_name_that_leads_outside_is_refused(recipe, album, picture, tmp_path, name):
    folder = album()
    picture("secret.png")
    os.symlink(tmp_path / "secret.png", folder / "images" / "link.png")
    table = (folder / "metadata.csv").read_text().replace("7.png", name.format(root=tmp_path), 1)
    (folder / "metadata.csv").write_text(table)
    with pytest.raises(BadInput, match="outside"):
        read_splits(recipe(modality="image", input="filename"), folder)


def test_an_images_folder_that_is_a_link_to_elsewhere_is_refused(recipe, album, tmp_path):
    folder = album()
    (folder / "images").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder / "images")
    with pytest.raises(BadInput, match="outside"):
        read_splits(recipe(modality="image", input="filename"), folder)


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_class_folder_with_a_link_to_elsewhere_is_refused(recipe, tmp_path, picture, linked):
    for i in range(20):
        picture(f"album/{'cat' if i < 10 else 'dog'}/{i}.png", i)
    secret = picture("secret/x.png")
    target, link = (secret, "cat/x.png") if linked == "file" else (secret.parent, "bird")
    os.symlink(target, tmp_path / "album" / link)
    with pytest.raises(BadInput, match="link that leads outside"):
        read_splits(recipe(modality="image", input="image"), tmp_path / "album")


def test_an_image_that_is_not_there_is_named(recipe, album):
    folder = album()
    (folder / "images" / "7.png").unlink()
    with pytest.raises(BadInput, match=r"names the image '7.png', which is neither in"):
        read_splits(recipe(modality="image", input="filename"), folder)


def test_a_row_without_a_file_name_is_refused(recipe, album):
    folder = album()
    table = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(table.replace("\n7.png", "\n", 1))
    with pytest.raises(BadInput, match="names no image"):
        read_splits(recipe(modality="image", input="filename"), folder)


def test_a_folder_without_images_is_refused(recipe, write):
    with pytest.raises(BadInput, match="holds no images"):
        read_splits(recipe(modality="image", input="image"), write("album/readme.txt", "none").parent)
