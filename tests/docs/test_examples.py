"""What the pages show is what happens: their examples run, and print what is written there."""

import examples
import pytest

LONG = ("pretrain.md", "life.md")
PAGES = [pytest.param(p, marks=[pytest.mark.slow] * (p.name in LONG), id=p.name) for p in examples.pages()]


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_and_print_what_it_shows(page, tmp_path):
    changed = examples.run_page(page, tmp_path)
    assert not changed, f"{page.name} shows what is not printed any more; make pages writes it anew: {changed}"


def test_the_readme_shows_a_verdict_and_few_blocks_are_left_out():
    text = examples.ROOT.joinpath("README.md").read_text("utf-8")
    running = list(examples.blocks(text))
    assert any(block.language == "console" and "\nVerdict: " in block.text for block in running)
    assert {block.language for block in running} == {"console", "sh", "python"}


def written(folder, text):
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    (folder / "checkout").mkdir()
    return page, folder / "checkout"


@pytest.mark.parametrize(
    "block", ["```sh\nevenhand audit nothing.csv --sensitive a\n```\n", "```python\nraise ValueError('no')\n```\n"]
)
def test_a_block_that_fails_is_named_by_its_line(tmp_path, block):
    page, folder = written(tmp_path, f"# Page\n\n{block}")
    with pytest.raises(examples.Wrong, match="page.md:3"):
        examples.run_page(page, folder)


def test_a_console_block_is_compared_with_what_is_printed(tmp_path):
    shown = "$ echo one \\\n    two\none three\n$ echo b\nb\n"
    page, folder = written(tmp_path, f"```console\n{shown}```\n")
    assert examples.run_page(page, folder) == {shown: "$ echo one \\\n    two\none two\n$ echo b\nb\n"}


def test_blocks_of_one_page_share_a_folder_and_python_its_names(tmp_path):
    text = "```sh\necho 7 > n # seven\n```\n```python\nn = int(open('n').read())\n```\n```python\nassert n == 7\n```\n"
    assert not examples.run_page(*written(tmp_path, text))


def test_a_block_is_left_out_only_with_a_reason():
    block = "```sh\nfalse\n```\n"
    assert not list(examples.blocks(f"<!-- not run: it needs a hub -->\n{block}"))
    assert len(list(examples.blocks(f"<!-- not run -->\n{block}<!-- not run: why -->\n\nText.\n\n{block}"))) == 2
