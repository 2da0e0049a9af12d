"""The papers for those who carry on name only what is there: paths, functions, layers, links, the licence."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import evenhand

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DISTRIBUTIONS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
NAMED = re.compile(r"`([\w./-]+\.(?:py|toml|md))(?:::([\w.]+))?`")
WALKS = {"How is the interval": 5, "How does a run resume": 4, "How do I add a metric": 2}


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_a_distribution_ships_the_licence_that_it_declares(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    text = (folder / "LICENSE").read_text()
    assert text == (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def names_in(path):
    """Dotted names of a file's functions, classes and constants, those of classes too."""
    found = set()

    def take(body, prefix):
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                take(node.body if isinstance(node, ast.ClassDef) else [], f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            found.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    take(ast.parse(path.read_text("utf-8")).body, "")
    return found


@pytest.mark.parametrize("page", [DOCS / "architecture.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_and_name_in_it_is_there(page):
    named = [(path, name) for path, name in NAMED.findall(page.read_text("utf-8")) if "/" in path]
    assert len(named) > 8
    for path, name in named:
        assert (ROOT / path).is_file(), f"{page.name} names {path}, which is not there"
        assert not name or name in names_in(ROOT / path), f"{page.name} names {name} in {path}, which is not there"


@pytest.mark.parametrize(("question", "most"), WALKS.items())
def test_a_strangers_walk_is_short(question, most):
    text = (DOCS / "architecture.md").read_text("utf-8")
    section = next(part for part in text.split("\n### ") if part.startswith(question))
    opened = {path for path, _ in NAMED.findall(section)}
    assert 1 <= len(opened) <= most, f"'{question}…' opens {len(opened)} files: {', '.join(sorted(opened))}"


def test_the_picture_of_the_rooms_is_the_order_that_is_held():
    tree = ast.parse((ROOT / "tests" / "core" / "test_architecture.py").read_text())
    layers = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS"
    )
    block = re.search(r"```text\n(.*?)```", (DOCS / "architecture.md").read_text("utf-8"), re.S)[1]
    drawn = [line.split()[0] for line in block.splitlines()]
    position = {name: place for place, name in enumerate(drawn)}
    assert set(drawn) == set(layers)
    assert all(re.search(r"\s\w", line) for line in block.splitlines()), "each room says what it is"
    wrong = [name for name in layers if position[name] != len(layers) - 1 - layers.index(name)]
    assert not wrong, f"docs/architecture.md draws these at another place than LAYERS: {', '.join(wrong)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, place = link.partition("#")
        assert "://" not in path, f"{page.name} links to {link}; the papers stand alone"
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if place:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.M)
            assert place in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_api_page_has_every_public_name():
    shown = re.findall(r"^::: evenhand\.(\w+)$", (DOCS / "api.md").read_text(), re.M)
    assert sorted(shown) == sorted({*evenhand.__all__, "hookspecs"} - {"__version__", "hookimpl"})


def test_the_picture_of_the_report_is_small():
    picture = (DOCS / "pictures" / "report.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= 300_000
    assert "(docs/pictures/report.png)" in (ROOT / "README.md").read_text("utf-8")


def test_every_page_of_the_site_is_in_its_menu():
    menu = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    assert sorted(name for entry in menu for name in entry.values()) == sorted(page.name for page in DOCS.glob("*.md"))
