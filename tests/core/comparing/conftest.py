"""Makes compared.py importable by the tests beside it, and audits for them."""

import sys
from pathlib import Path

import pytest

from evenhand import audit_into

sys.path.insert(0, str(Path(__file__).parent))

from compared import ASKED


@pytest.fixture
def audited(tmp_path):
    """A function that audits a frame into a folder of its own and returns the folder."""

    def into(name, frame, score="old", **choices):
        frame.write_csv(tmp_path / f"{name}.csv")
        audit_into(tmp_path / name, tmp_path / f"{name}.csv", **{**ASKED, "score": score, **choices})
        return tmp_path / name

    return into
