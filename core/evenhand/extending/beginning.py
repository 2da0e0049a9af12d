"""A new domain plugin as a folder that runs: its recipe, its simulated sample, its test."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from keyword import iskeyword
from pathlib import Path
from string import Template

from evenhand.errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
BEGUN = "begun"  # the folder of what is written, beside this file; $domain and $package stand for the names


def new(domain: str, out: str | Path | None = None) -> Path:
    """Write the plugin of `domain` into the folder `out` (None: evenhand-DOMAIN) and return it.

    Raises BadInput where the name cannot be one, is that of an installed plugin, or where the folder is there already;
    then nothing is written.
    """
    _check_name(domain)
    folder = Path(out) if out is not None else Path(f"evenhand-{domain}")
    if os.path.lexists(folder):
        raise BadInput(f"{folder} is there already; choose another name, or another folder with --out")
    package = f"evenhand_{domain.replace('-', '_')}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".evenhand-new-", dir=folder.parent))
    try:
        for name, content in _contents(files("evenhand.extending") / BEGUN):
            file = staged / name.replace("package", package)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(Template(content).substitute(domain=domain, package=package), "utf-8")
        staged.chmod(0o777 & ~_umask())
        staged.rename(folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(staged)
    return folder


def _check_name(domain: str) -> None:
    from evenhand.extending.discovering import load

    if not NAME.fullmatch(domain) or len(domain) > LONGEST:
        raise BadInput(
            f"'{domain[:LONGEST]}' cannot be a domain's name; write it in small letters and digits, parted by single"
            f" hyphens, a letter first, at most {LONGEST} of them: such as loans or claims-2"
        )
    if iskeyword(domain):
        raise BadInput(f"'{domain}' is a word of Python; choose another name for the domain")
    plugins = load()
    if domain in {*dict(plugins.names()), *plugins.faults}:
        raise BadInput(f"a plugin called '{domain}' is installed already; choose another name for the domain")


def _contents(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    """(path, content) of each file; `.txt` at the end keeps tools from taking them for the core's own."""
    for one in folder.iterdir():
        if one.is_dir():
            yield from _contents(one, f"{above}{one.name}/")
        elif one.name.endswith(".txt"):
            yield above + one.name.removesuffix(".txt"), one.read_text("utf-8")


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
