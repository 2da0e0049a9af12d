"""Runs the examples of the pages, so that what they show is what happens.

Every fenced block of sh, console or python runs, page by page and from the top down, in a folder that holds a copy
of docs/ as a checkout does. A console block shows commands after `$ ` and what they print, which must be equal. A block
is left out where the line before it says why: <!-- not run: it needs a model hub -->

    python docs/examples.py            # runs them all; says which block fails
    python docs/examples.py --write    # and puts what commands print now into the console blocks
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(sh|console|python)\n(.*?)^```$", re.M | re.S)
TYPED = re.compile(r"^\$ (?:.*\\\n)*.*", re.M)  # a backslash at the end goes on
LEFT_OUT = re.compile(r"<!-- not run: .+ -->\n+\Z")
FINE = (0, 1, 3)  # a verdict is an answer; 2 is a command that could not do its work


class Wrong(AssertionError):
    """A block that does not do what its page says."""


@dataclass(frozen=True)
class Block:
    """One example: where it stands, its language, its text."""

    page: str
    line: int
    language: str
    text: str


def pages() -> list[Path]:
    """The pages whose examples run."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, page: str = "") -> Iterator[Block]:
    """The blocks of a page that run."""
    for found in FENCE.finditer(text):
        if not LEFT_OUT.search(text[: found.start()]):
            yield Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])


def run_page(page: Path, folder: Path) -> dict[str, str]:
    """Run a page's blocks in `folder`; Wrong where one fails. Returns the console blocks that print other text now."""
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    before, now = "", {}
    for block in blocks(page.read_text("utf-8"), page.name):
        if block.language == "python":
            _python(block, before, folder)
            before += block.text
        elif block.language == "sh":
            for command in commands(block.text):
                _shell(block, command, folder)
        elif (shown := _shown(block, folder)) != block.text:
            now[block.text] = shown
    return now


def commands(text: str) -> list[str]:
    """The commands of a sh block: one a line, comments left out, a backslash goes on."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _shown(block: Block, folder: Path) -> str:
    """The console block as its commands print it now."""
    return "".join(f"{typed}\n{_shell(block, typed[2:], folder)}" for typed in TYPED.findall(block.text))


def _shell(block: Block, command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = _run(["bash", "-c", command], folder, {"PATH": path})
    if done.returncode not in FINE:
        raise Wrong(f"{block.page}:{block.line}: {command}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def _python(block: Block, before: str, folder: Path) -> None:
    done = _run([sys.executable, "-c", before + block.text], folder, {})
    if done.returncode:
        raise Wrong(f"{block.page}:{block.line}: the Python block fails\n{done.stderr}")


def _run(command: list[str], folder: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    home = {"XDG_CONFIG_HOME": str(folder / ".config")}  # no example signs with the key of whoever runs it
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **home, **more}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def main() -> None:
    """Run every page; with --write put what is printed now into the pages."""
    changed = 0
    for page in pages():
        with tempfile.TemporaryDirectory() as folder:
            now = run_page(page, Path(folder))
        text = page.read_text("utf-8")
        for old, new in now.items():
            text, changed = text.replace(old, new), changed + 1
            print(f"{page.name}: prints now\n{new}")
        if "--write" in sys.argv[1:]:
            page.write_text(text, "utf-8")
    sys.exit(1 if changed and "--write" not in sys.argv[1:] else 0)


if __name__ == "__main__":
    main()
