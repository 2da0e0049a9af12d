"""The examples in docstrings are run as they stand."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "core"
EXAMPLES = sorted(path for path in CORE.rglob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(CORE)))
def test_the_examples_of_a_module_say_what_comes_out(path):
    found = doctest.testmod(import_module(".".join(path.relative_to(CORE).with_suffix("").parts)))
    assert found.attempted
    assert not found.failed


def test_the_audit_and_its_question_have_examples():
    assert {"conducting.py", "question.py"} <= {path.name for path in EXAMPLES}
