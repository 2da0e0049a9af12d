"""A finished run on Hugging Face's hub: model, card, evaluation, audit and report, and nobody's rows unless asked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.recorded.finished import MANIFEST, FinishedRun, open_run, read

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
PREDICTIONS = "predictions.parquet"
OURS = ("model.json", "about.json", "head.safetensors")  # of a trained network; its library reads the other files
REFUSED = {401: "your token is not valid", 403: "your token may not write there", 404: "there is no such owner"}


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where a run was pushed to: its page, the files in it, and what was left out."""

    url: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def push(
    run: str | Path, name: str, *, public: bool = False, with_predictions: bool = False, with_rows: bool = False
) -> Pushed:
    """Push the folder of a finished run to OWNER/NAME on the hub, in one commit; a new repository is private.

    What the run wrote goes, and nothing else that lies there; a trained network's files stand at the top too, where its
    library looks for them. `with_predictions`: also predictions.parquet, a row per person of the test split.
    `with_rows`: also a model that holds rows it was trained on, which is refused else. Raises BadInput where the run is
    not finished or was changed, there is no token, or the hub does not take it.
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"'{name}' is no name of a model on the hub; write OWNER/NAME, such as my-team/support-intent")
    found = open_run(run)
    files = dict(_files(found, with_predictions))
    _check_rows(found, with_rows)
    token = _token()
    url = _commit(name, files, token, public, f"evenhand run {found.manifest.get('recipe', '')}".strip())
    return Pushed(url, tuple(sorted(files)), () if with_predictions else (PREDICTIONS,))


def _files(found: FinishedRun, with_predictions: bool) -> Iterator[tuple[str, Path]]:
    """(name on the hub, file) of everything that goes; BadInput where it is not as the run wrote it."""
    yield MANIFEST, found.path / MANIFEST
    for stage in found.manifest["walk"]["stages"]:
        for name in found.stage(stage)["artefacts"]:
            if name == PREDICTIONS and not with_predictions:
                continue
            file = found.artefact(stage, name)
            inside = [file] if file.is_file() else sorted(path for path in file.rglob("*") if path.is_file())
            for path in inside:
                yield path.relative_to(found.path).as_posix(), path
    if found.stage("finetune").get("network"):
        yield from _at_the_top(found.path / "model")


def _at_the_top(model: Path) -> Iterator[tuple[str, Path]]:
    """A network's files once more: `AutoModel.from_pretrained("OWNER/NAME")` looks nowhere else."""
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        name = path.relative_to(model).as_posix()
        if name not in OURS and not name.startswith("baseline_"):
            yield name, path


def _check_rows(found: FinishedRun, with_rows: bool) -> None:
    """BadInput where the model, or a baseline, holds rows of people and the user has not said that it may go."""
    about = json.loads(read(found.path / "model", "model.json"))
    holders = [kept["holds_rows"] for kept in (about["model"], *about["baselines"].values()) if "holds_rows" in kept]
    if holders and not with_rows:
        raise BadInput(
            f"the model in {found.path} holds rows that it was trained on ({holders[0]}), and whoever gets it gets "
            "them; push it with --with-rows only if every one of them may be published"
        )


def _token() -> str:
    from huggingface_hub import get_token, is_offline_mode

    if is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise BadInput("HF_HUB_OFFLINE is set, and a push needs the hub; unset it")
    token = get_token()
    if not token:
        raise BadInput("there is no token for the hub; log in with `hf auth login`, or set HF_TOKEN")
    return token


def _commit(name: str, files: dict[str, Path], token: str, public: bool, message: str) -> str:
    """The page of the repository, which is made where it is not there; one commit, so that it is whole or as before."""
    from huggingface_hub import CommitOperationAdd, HfApi

    client: Any = HfApi(token=token, library_name="evenhand")
    try:
        made = client.create_repo(name, private=not public, exist_ok=True)
        adds = [CommitOperationAdd(path_in_repo=place, path_or_fileobj=path) for place, path in files.items()]
        client.create_commit(name, adds, commit_message=message)
    except Exception as error:  # the hub's client raises a dozen kinds: no network, no right, no space, a name taken …
        raise BadInput(f"{name} could not be pushed to {client.endpoint}: {_reason(error)}") from None
    return str(made)


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in REFUSED:
        return f"{REFUSED[status]}; check the name, and the token with `hf auth whoami`"
    told = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}{f' ({told})' if told else ''}; check the network, then give the same command again"
