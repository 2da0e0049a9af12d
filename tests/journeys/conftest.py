"""A finished run of a table recipe, for every journey that begins where one ends. Who damages it takes a copy."""

import pytest

import toy_tables
from evenhand.extending.discovering import load


@pytest.fixture(scope="session")
def finished(run_apart):
    """(the folder of a finished run, the plugins that it needs)."""
    plugins = load({"toy_tables": toy_tables})
    return run_apart("toy_tables/loan", plugins=plugins).path, plugins
