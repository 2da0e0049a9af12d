"""A plugin's section of the report: its charts, its pictures, and what is refused."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evenhand import Chart, Line, Picture, PluginFault, Section
from evenhand.reporting import render_run
from evenhand.reporting.section_charts import lines_chart


def page_of(section):
    from dataclasses import asdict

    return render_run(None, [], {"recipe": "a/b"}, [asdict(section)], [])


def png():
    target = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(target, "PNG")
    return target.getvalue()


def film(kind):
    """A picture of three frames that moves."""
    target = io.BytesIO()
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "green", "blue")]
    frames[0].save(target, kind, save_all=True, append_images=frames[1:], duration=100)
    return target.getvalue()


@pytest.mark.parametrize(("kind", "address"), [("WEBP", "data:image/webp"), ("PNG", "data:image/png")])
def test_a_moving_picture_stands_still_on_paper_and_for_who_wants_no_motion(kind, address):
    page = page_of(Section("Drive", pictures=(Picture(film(kind), "a drive", still=png()),)))
    assert f'<details class="moving" open><summary>Moving picture (close to stop)</summary><img src="{address}' in page
    assert '<img class="still" src="data:image/png' in page
    assert "@media print, (prefers-reduced-motion: reduce) { .moving { display: none; } .still" in page


def test_a_chart_and_a_picture_of_a_plugin_stand_in_the_page():
    line = Line("kept <b>", (0.0, 1.0, 2.0), (0.5, 0.7, 0.6), (0.4, 0.6, 0.5), (0.6, 0.8, 0.7))
    dots = Line("tried", (0.5, 1.5), (0.55, 0.65), points=True)
    page = page_of(
        Section(
            "Choices",
            charts=(Chart("AUC <i>", "cost", "AUC", (line, dots), "falls slowly"),),
            pictures=(Picture(png(), 'a "red" field', "taken at noon"),),
        )
    )
    assert page.count("<polyline") == 1  # its sample in the legend is a <line>
    assert page.count('class="mark m1"') == 3  # two points and the legend's
    assert "kept &lt;b&gt;" in page
    assert "<b>" not in page
    assert 'src="data:image/png;base64,' in page
    assert 'alt="a &#34;red&#34; field"' in page
    assert "img-src data:" in page


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats(), st.floats()), max_size=8), st.booleans())
def test_any_numbers_make_a_chart_or_none(points, dots):
    x, y, lower, upper = zip(*points, strict=True) if points else ((), (), (), ())
    drawn = lines_chart(
        {
            "title": "t",
            "x": "x",
            "y": "y",
            "says": "",
            "lines": [{"name": "a", "x": x, "y": y, "lower": lower, "upper": upper, "points": dots}],
        }
    )
    assert "nan" not in drawn
    assert "inf" not in drawn


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Picture(b"<svg onload=alert(1)>", "a"), "no PNG, JPEG or WebP"),
        (lambda: Picture(b"RIFF....WAVE", "a sound"), "no PNG, JPEG or WebP"),
        (lambda: Picture(film("WEBP"), "a drive"), "moves; give `still`"),
        (lambda: Picture(film("PNG"), "a drive"), "moves; give `still`"),
        (lambda: Picture(film("WEBP"), "a drive", still=film("PNG")), "moves; give `still`"),
        (lambda: Picture(png(), " "), "needs `says`"),
        (lambda: Picture(png() + bytes(1_000_000), "noise"), "takes 1,000,000 of each"),
        (lambda: Line("a", (1.0,), (1.0, 2.0)), "give as many of each"),
        (lambda: Line("a", (1.0,), (1.0,), lower=(0.5,)), "give as many of each"),
    ],
)
def test_what_no_report_can_show_is_the_plugins_fault(made, said):
    with pytest.raises(PluginFault, match=said):
        made()


def test_a_lead_stands_first_and_a_section_without_the_field_stands_last():
    title = "Of a plugin that knows of no lead"
    bare = {"title": title, "text": "told", "charts": (), "pictures": (), "header": (), "rows": ()}
    leading = {**bare, "title": "The finding", "lead": True}
    metric = {"model": "adapted", "name": "quality", "value": 0.7, "lower": 0.6, "upper": 0.8, "n": 60, "says": ""}
    metric |= {"unit": "", "better": "higher"}
    page = render_run(None, [metric], {"recipe": "a/b"}, [bare, leading], [])
    assert page.index("<bdi>The finding") < page.index("Does adapting help?") < page.index(f"<bdi>{title}")
