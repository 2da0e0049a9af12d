"""What journeys share: the command line as a user has it, and the real data where it is at hand."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; set before a library reads it

import pytest
from filelock import FileLock
from hypothesis import settings

settings.register_profile("evenhand", deadline=None)  # tests assert no times: machines are shared
settings.load_profile("evenhand")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "plugins"))


@pytest.fixture(autouse=True)
def _offline_and_apart(tmp_path, monkeypatch):
    """No test reaches a hub, or a cache that another one filled."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EVENHAND_KEY", str(tmp_path / "key"))  # promotions are signed


@pytest.fixture(scope="session")
def run_apart(tmp_path_factory, shared_folder):
    """run_apart("nlp/toxicity", "seed=1", plugins=…) -> a finished run in this process; one cache for all of them.

    What installed plugins make is made once for all processes that test side by side; toy plugins differ by process.
    """
    import evenhand

    def run(recipe, *settings, plugins=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EVENHAND_CACHE", str(tmp_path_factory.getbasetemp() / "cache of runs"))
            patch.setenv("HF_HUB_OFFLINE", "1")
            if plugins is not None:
                folder = tmp_path_factory.mktemp(recipe.replace("/", "-"))
                return evenhand.run(recipe, settings=list(settings), out=folder / "run", plugins=plugins)
            asked = hashlib.sha256("\n".join([recipe, *settings]).encode()).hexdigest()[:12]
            folder = shared_folder / f"{recipe.replace('/', '-')}-{asked}"
            with FileLock(f"{folder}.lock"):  # whoever comes second finds it finished
                return evenhand.run(recipe, settings=list(settings), out=folder / "run")

    return run


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder of this session that all its processes share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs of all"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def evenhand(tmp_path):
    """Run the command line in an empty folder: evenhand("audit", "x.csv", env={...}) -> CompletedProcess."""

    def run(*arguments, env=None, timeout=300):
        command = [sys.executable, "-m", "evenhand", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def real_data():
    """The folder of real data sets beside the checkout; a user's machine does not have it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("the real data sets are not beside this checkout")
    return folder


@pytest.fixture
def install(tmp_path):
    """Put a plugin module or package on a subprocess's path as if it were installed: install(domain, path) -> env."""

    def put(domain, module, folder):
        info = tmp_path / "site" / f"evenhand_test_{domain}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: evenhand-test-{domain}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[evenhand]\n{domain} = {module}\n")
        return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(folder), os.environ.get("PYTHONPATH", "")])}

    return put


@pytest.fixture(scope="session")
def own_metrics():
    """The metrics of docs/write-a-plugin.md, by name, as its example defines them."""
    section = (ROOT / "docs" / "write-a-plugin.md").read_text("utf-8").split("## A metric of your own")[1]
    defined = {}
    exec(section.split("```python\n")[1].split("```")[0], defined)
    return {metric.name: metric for metric in defined["audit_bias"](None, None)}
