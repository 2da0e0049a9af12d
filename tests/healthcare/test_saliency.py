"""Maps of what the network looks at: they find what matters, say whether to believe them, and hide what is burnt in."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from evenhand_healthcare import saliency
from evenhand_healthcare.saliency_section import ALIKE, saliency_section, sanity


def test_the_films_of_the_highest_and_the_lowest_score_are_taken_of_sick_and_healthy():
    sick = np.array([True, True, True, False, False])
    assert saliency.chosen(sick, np.array([0.2, 0.9, 0.5, 0.8, 0.1])) == [1, 0, 3, 4]
    assert saliency.chosen(sick[:1], np.array([0.2])) == [0]


@given(arrays(float, (6, 6), elements=st.floats(0, 1, width=16), unique=True))
def test_a_map_is_like_itself_and_unlike_its_reverse(values):
    assert saliency.rank_correlation(values, 3 * values + 1) == pytest.approx(1)
    assert saliency.rank_correlation(values, -values) == pytest.approx(-1)


def test_a_map_that_is_the_same_everywhere_is_like_none():
    assert saliency.rank_correlation(np.ones((4, 4)), np.arange(16.0).reshape(4, 4)) == 0


def test_what_matters_is_bright():
    torch = pytest.importorskip("torch")
    pytest.importorskip("captum", reason="captum is not installed: pip install 'evenhand-healthcare[saliency]'")

    class Corner(torch.nn.Module):
        def forward(self, pixels):
            return pixels[:, :, :16, :16].sum(dim=(1, 2, 3))

    films = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 64, 64)).astype(np.float32)
    found = saliency.attributed(Corner(), films)
    assert found.shape == (2, saliency.FIELDS, saliency.FIELDS)
    assert np.allclose(found.sum(axis=(1, 2)), 1, atol=1e-4)
    assert np.allclose(found[:, :8, :8].sum(axis=(1, 2)), 1, atol=1e-4)


def test_weights_that_are_drawn_anew_are_others_and_the_network_stays():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten())
    before = network[0].weight.clone()
    other = saliency.drawn_anew(network, seed=1)
    assert not torch.equal(other[0].weight, before)
    assert torch.equal(network[0].weight, before)
    assert torch.equal(saliency.drawn_anew(network, seed=1)[0].weight, other[0].weight)


def test_borders_are_black_and_nothing_written_there_can_be_read():
    rng = np.random.default_rng(0)
    film, maps = rng.uniform(size=(96, 96)), rng.uniform(size=(2, saliency.FIELDS, saliency.FIELDS))
    picture = np.asarray(Image.open(io.BytesIO(saliency.drawn(film, *maps))))
    side, frame = saliency.FIELDS * saliency.ZOOM, saliency.FRAME * saliency.ZOOM
    for start in (0, side + saliency.ZOOM, 2 * (side + saliency.ZOOM)):
        part = picture[:, start : start + side]
        assert part[:frame].max() == part[-frame:].max() == part[:, :frame].max() == part[:, -frame:].max() == 0
        assert part[frame:-frame, frame:-frame].max() == 255
    other = film.copy()
    other[:6] = 9  # a name that is burnt in
    assert saliency.drawn(other, *maps) == saliency.drawn(film, *maps)


def test_maps_that_random_weights_draw_as_well_are_not_to_be_believed():
    assert "Do not read these maps" in sanity([ALIKE, 0.9])
    assert "depend on what was learnt" in sanity([0.1, 0.2])


@pytest.mark.slow
def test_the_report_shows_four_films_with_their_check(sample_run):
    pytest.importorskip("captum", reason="captum is not installed: pip install 'evenhand-healthcare[saliency]'")
    folder = sample_run / "model" / "exhibits"
    films = json.loads((folder / saliency.FACTS).read_text())["films"]
    assert len(films) == 4
    assert [film["sick"] for film in films] == [True, True, False, False]
    assert films[0]["score"] > films[1]["score"]
    assert films[2]["score"] > films[3]["score"]
    assert all(-1 <= film["alike"] <= 1 for film in films)
    report = (sample_run / "report.html").read_text()
    assert "Where the network looks" in report
    assert sanity([film["alike"] for film in films]) in report
    assert report.count("data:image/png;base64,") == 4


def test_without_captum_the_report_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(saliency, "find_spec", lambda name: None)
    files = saliency.exhibits(None, None, None)
    (tmp_path / "model" / "exhibits").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "model" / "exhibits" / name).write_bytes(content)

    class Folder:
        path = tmp_path

    (section,) = saliency_section(Folder())
    assert "pip install 'evenhand-healthcare[saliency]'" in section.text
    assert not section.pictures


def test_the_decision_that_is_explained_is_that_of_the_probe():
    torch = pytest.importorskip("torch")
    from types import SimpleNamespace

    body = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
    rng = np.random.default_rng(0)
    head = SimpleNamespace(weight=rng.normal(size=(2, 12)).astype("f"), bias=rng.normal(size=2).astype("f"))
    model = SimpleNamespace(encoder=SimpleNamespace(body=body), head=head)
    pixels = torch.from_numpy(rng.uniform(size=(5, 3, 8, 8)).astype("f"))
    logits = body(pixels).numpy() @ head.weight.T + head.bias
    with torch.no_grad():
        assert np.allclose(saliency.decided_by(model, 1)(pixels), logits[:, 1] - logits[:, 0], atol=1e-5)
