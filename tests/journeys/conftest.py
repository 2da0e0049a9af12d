"""A finished run of a table recipe, for every journey that begins where one ends. Who damages it takes a copy."""

import pytest
import toy_labels
from tiny_bert import tiny_bert

import toy_tables
from evenhand.extending.discovering import load


@pytest.fixture(scope="session")
def finished(run_apart):
    """(the folder of a finished run, the plugins that it needs)."""
    plugins = load({"toy_tables": toy_tables})
    return run_apart("toy_tables/loan", plugins=plugins).path, plugins


@pytest.fixture(scope="session")
def label_plugins(tmp_path_factory):
    """The toy multi-label domains, with a tiny text backbone."""
    toy_labels.FOLDER = str(tiny_bert(tmp_path_factory.mktemp("bert"), toy_labels.ALL_WORDS))
    return load({"toy_labels": toy_labels})


@pytest.fixture(scope="session")
def tickets(run_apart, label_plugins):
    """A finished multi-label run on texts whose labels are lists."""
    return run_apart("toy_labels/tickets", plugins=label_plugins)


@pytest.fixture(scope="session")
def machines(run_apart, label_plugins):
    """A finished multi-label run on a table whose labels are columns of 0 and 1."""
    return run_apart("toy_labels/machines", plugins=label_plugins)
