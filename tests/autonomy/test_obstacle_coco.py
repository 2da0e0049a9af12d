"""COCO's format as obstacle reads it, and what it says of annotations that cannot be."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import evenhand
from evenhand import BadInput
from evenhand_autonomy.obstacles.coco import read_coco
from evenhand_autonomy.obstacles.data import load

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


@pytest.fixture
def folder(tmp_path):
    """folder(change): COCO's folder of 16 pictures of different sizes; `change(content)` spoils it first."""

    def write(change=lambda content: content, name="annotations/instances.json", sizes=((320, 180), (200, 200))):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "annotations").mkdir(exist_ok=True)
        images, annotations = [], []
        for k in range(16):
            wide, high = sizes[k % len(sizes)]
            noise = np.random.default_rng(k).integers(0, 255, (high, wide, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "images" / f"{k}.png")
            images.append({"id": k, "file_name": f"{k}.png", "weather": "rain" if k % 2 else "clear", "speed": 10})
            box = [10, 20, 30, 60]
            annotations.append({"id": 2 * k, "image_id": k, "category_id": 1, "bbox": box, "clothing": "dark"})
            annotations.append({"id": 2 * k + 1, "image_id": k, "category_id": 3, "bbox": [100, 50, 60, 40]})
        content = change(
            {"images": images, "annotations": annotations, "categories": [dict(one) for one in CATEGORIES]}
        )
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path

    return write


def changed(part, place, **values):
    def change(content):
        content[part][place] |= values
        return content

    return change


def without(part):
    return lambda content: {name: value for name, value in content.items() if name != part}


def test_objects_of_mixed_sizes_become_shares_of_their_pictures(folder):
    frames = read_coco(folder(), {})
    person, car = frames[0].objects
    assert person.category == "pedestrian"
    assert car.category == "vehicle"
    assert person.box == (10 / 320, 20 / 180, 30 / 320, 60 / 180)
    assert frames[1].objects[0].box == (10 / 200, 20 / 200, 30 / 200, 60 / 200)


def test_a_coco_folder_is_read_into_splits(folder, recipe_of):
    splits = load(recipe_of("obstacle"), folder())
    assert {*splits.train["weather"]} == {"rain", "clear"}
    assert {*splits.test["road_type"]} == {"not told"}
    assert not {*splits.train["image_id"]} & {*splits.test["image_id"]}
    people = [
        c for c, kind in zip(splits.test["clothing"], splits.test["category"], strict=True) if kind == "pedestrian"
    ]
    assert {*people} == {"dark"}
    assert all(ttc is None or ttc > 0 for ttc in splits.test["ttc_s"])


def test_a_coco_folder_is_run_from_start_to_report(folder, tmp_path):
    settings = ["options.steps=2", "audit.operating_point={}", "finetune.threads=1", "split.validation=0.3"]
    found = evenhand.run("autonomy/obstacle", folder(), settings, out=tmp_path / "run")
    notes = json.loads((tmp_path / "run" / "data.json").read_text())["notes"]
    assert "nothing to compare by who, clothing, skin_tone, stature, time_of_day, road_type, occlusion" in notes[-1]
    assert {part["name"] for part in found.audit.data["attributes"]} >= {"category", "weather", "height_px"}
    assert "What was found, missed" in found.report.read_text()


def test_files_named_by_split_divide_the_pictures(folder, recipe_of, tmp_path):
    def half(first):
        def change(content):
            images = [one for one in content["images"] if (one["id"] < 8) == first]
            annotations = [one for one in content["annotations"] if (one["image_id"] < 8) == first]
            return {**content, "images": images, "annotations": annotations}

        return change

    folder(half(True), "annotations/instances_train.json")
    folder(half(False), "annotations/instances_test.json")
    splits = load(recipe_of("obstacle"), tmp_path)
    assert {int(name.split(".")[0]) // 8 for name in splits.test["image_id"]} == {1}


def test_categories_of_your_own_are_named_or_left_out(folder, recipe_of):
    source = folder(changed("categories", 0, name="person on a bike"))
    recipe = recipe_of("obstacle").with_settings(['options.categories={"person on a bike"="pedestrian", "car"=""}'])
    splits = load(recipe, source)
    assert {*splits.train["category"]} == {"pedestrian", "(not applicable)"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: "", "is empty; write"),
        (lambda content: "{", "is no JSON"),
        (lambda content: {**content, "annotations": []}, "annotates nothing in its 16 images"),
        (lambda content: {**content, "images": []}, "lists no images"),
        (without("categories"), "no list 'categories'"),
        (changed("annotations", 4, category_id=9), "annotation 5 .* has the class id 9"),
        (changed("annotations", 4, image_id=99), "annotation 5 .* is of no image"),
        (changed("annotations", 4, bbox=[10, 10, -5, 20]), "not positive"),
        (changed("annotations", 4, bbox=[10, 10, 0, 20]), "not positive"),
        (changed("annotations", 4, bbox=[-20, 10, 30, 20]), "outside the picture of 320 x 180"),
        (changed("annotations", 4, bbox=[300, 10, 60, 20]), "outside the picture"),
        (changed("annotations", 4, bbox=[1, 2, 3]), "no bbox of four numbers"),
        (changed("annotations", 4, bbox=[float("nan"), 2, 3, 4]), "no bbox of four numbers"),
        (changed("annotations", 4, distance_m=-3), "distance_m = -3"),
        (changed("images", 4, speed="fast"), "speed = 'fast'"),
        (changed("images", 4, file_name="none.png"), "'none.png' .* is not in"),
        (changed("images", 4, file_name="../../etc/passwd"), "is not in"),
        (changed("images", 4, file_name="3.png"), "stands twice"),
        (changed("categories", 1, name="zebra"), "category 'zebra' .*options.categories"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(folder, change, says):
    with pytest.raises(BadInput, match=says):
        read_coco(folder(change), {})


def test_pictures_of_a_pixel_and_broken_ones_are_refused(folder):
    with pytest.raises(BadInput, match="1 x 1 pixels"):
        read_coco(folder(sizes=((1, 1),)), {})
    source = folder()
    (source / "images" / "3.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"3\.png cannot be read"):
        read_coco(source, {})


def test_a_folder_without_annotations_is_refused(tmp_path, recipe_of):
    with pytest.raises(BadInput, match="holds no annotations"):
        load(recipe_of("obstacle"), tmp_path)
    with pytest.raises(BadInput, match="is not there"):
        load(recipe_of("obstacle"), tmp_path / "nowhere")


def test_matching_agrees_with_pycocotools():
    pytest.importorskip("pycocotools")
    import contextlib

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from evenhand_autonomy.obstacles.matching import matched

    rng = np.random.default_rng(0)
    truth = [np.sort(rng.uniform(0, 40, (4, 2, 2)), 1).transpose(0, 1, 2).reshape(4, 4) for _ in range(20)]
    found = [t + rng.normal(0, 2.5, t.shape) for t in truth]
    kinds, sure = [rng.integers(0, 2, 4) for _ in truth], [rng.random(4) for _ in truth]

    def wide(b):
        return [float(b[0]), float(b[1]), float(b[2] - b[0]), float(b[3] - b[1])]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        marks = [
            {
                "id": 4 * i + j + 1,
                "image_id": i,
                "category_id": int(kinds[i][j]),
                "bbox": wide(b),
                "iscrowd": 0,
                "area": 9,
            }
            for i, boxes in enumerate(truth)
            for j, b in enumerate(boxes)
        ]
        names = [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
        coco.dataset = {"info": {}, "images": [{"id": i} for i in range(20)], "annotations": marks, "categories": names}
        coco.createIndex()
        said = [
            {"image_id": i, "category_id": int(kinds[i][j]), "bbox": wide(b), "score": float(sure[i][j])}
            for i, boxes in enumerate(found)
            for j, b in enumerate(boxes)
        ]
        judged = COCOeval(coco, coco.loadRes(said), "bbox")
        judged.evaluate()
    theirs = sum(
        int((one["dtMatches"][0] > 0).sum())
        for one in judged.evalImgs
        if one is not None and one["aRng"][0] == 0 and one["aRng"][1] > 1e9
    )
    ours = sum(int((matched(f, k, s, t, k)[0] > 0).sum()) for f, k, s, t in zip(found, kinds, sure, truth, strict=True))
    assert ours == theirs > 0
