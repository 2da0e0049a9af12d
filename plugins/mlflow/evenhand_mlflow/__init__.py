"""evenhand's tracker for MLflow: hears of every stage, and writes it to the server that MLFLOW_TRACKING_URI names.

A plugin without a domain: it brings no recipe, so it takes part in every run. Where that variable is not set it does
nothing, and imports nothing.
"""

import os

from evenhand import hookimpl

URI = "MLFLOW_TRACKING_URI"


@hookimpl
def stage_started(run, stage):
    """Begin the MLflow run, or find the one that this folder began."""
    if os.environ.get(URI):
        from evenhand_mlflow.tracking import begin

        begin(run, stage)


@hookimpl
def stage_finished(run, stage):
    """Log what the stage cost and found."""
    if os.environ.get(URI):
        from evenhand_mlflow.tracking import record

        record(run, stage)
