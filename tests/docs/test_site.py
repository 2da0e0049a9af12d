"""The site: every page is built, and none loads anything from elsewhere."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADS = re.compile(
    r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*?(?:src|href|data)=[\"']?((?:https?:)?//[^\"'>\s]+)"
)
IMPORTS = re.compile(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed; make docs installs it")
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "zensical.toml", folder)
    (folder / "core").symlink_to(ROOT / "core")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "docs"


def test_every_page_is_there(site):
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).stat().st_size > 2_000


def test_no_page_loads_anything_from_elsewhere(site):
    pages = [*site.rglob("*.html")]
    assert pages
    assert not {(page.name, found) for page in pages for found in LOADS.findall(page.read_text("utf-8"))}
    assert not {(sheet.name, url) for sheet in site.rglob("*.css") for url in IMPORTS.findall(sheet.read_text("utf-8"))}


def test_the_python_page_has_signatures_and_docstrings(site):
    text = (site / "api.html").read_text("utf-8")
    assert "Audit predictions by group: rates, gaps, intervals and verdicts." in text
    assert 'id="evenhand.rate_metric"' in text


def test_links_between_pages_lead_somewhere(site):
    for page in site.glob("*.html"):
        for link in re.findall(r'<a\b[^>]*\bhref="([^"#]+)', page.read_text("utf-8")):
            if "://" not in link and page.name != "404.html":
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_docstrings_tell_parameters_one_by_one():
    griffe = pytest.importorskip("griffe", reason="griffe is not installed; make docs installs it")
    import docstrings

    told = "Reads.\n\na, b: columns\nof it. c: how\nmany; none: all. Raises BadInput for x.\n\nThe end: fine."
    assert docstrings.as_list(griffe.Docstring(told), ["a", "b", "c"]) == (
        "Reads.\n\n- a, b: columns of it.\n- c: how many; none: all.\n\nRaises BadInput for x.\n\n\nThe end: fine."
    )
    doctest = "Adds.\n\n>>> add(1, 1)\n2"
    assert docstrings.as_list(griffe.Docstring(doctest), ["a"]) == "Adds.\n\n```python\n>>> add(1, 1)\n2\n```"
