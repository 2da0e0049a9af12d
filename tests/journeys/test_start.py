"""The first minute: help, lists, doctor. Nothing heavy is imported, and errors are one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import evenhand as api

HEAVY = ("torch", "transformers", "pandas", "timm", "sklearn", "datasets", "polars", "scipy")


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    code = f"""
import sys
sys.argv = ["evenhand", *{arguments!r}]
from evenhand.commands.app import main
try:
    main()
except SystemExit:
    pass
print("IMPORTED", sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "IMPORTED []" in out


@pytest.mark.parametrize("command", ["recipes", "plugins", "backbones"])
def test_lists_import_neither_torch_nor_pandas(command):
    code = (
        f"import sys; sys.argv = ['evenhand', '{command}']\nfrom evenhand.commands.app import main\ntry:\n   "
        " main()\nexcept SystemExit:\n    pass\nprint('IMPORTED', sorted({'torch', 'transformers', 'pandas',"
        " 'sklearn'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "IMPORTED []" in out


def test_recipes_lists_only_what_works(evenhand):
    shown = json.loads(evenhand("recipes", "--json").stdout)
    written = (Path(__file__).parents[2] / "plugins").glob("*/evenhand_*/recipes/*.toml")
    assert [row["recipe"] for row in shown] == sorted(f"{file.parts[-4]}/{file.stem}" for file in written)


def test_every_domain_has_a_recipe(evenhand):
    shown = json.loads(evenhand("recipes", "--json").stdout)
    assert {row["recipe"].split("/")[0] for row in shown} == {"autonomy", "finance", "healthcare", "nlp"}


def test_backbones_show_licence_and_bias(evenhand):
    out = evenhand("backbones").stdout
    assert "Apache-2.0" in out
    assert "English only" in out


def test_show_tells_each_values_origin(evenhand):
    out = evenhand("show", "nlp/support-intent", "--set", "finetune.epochs=9").stdout
    epochs = next(line for line in out.splitlines() if line.startswith("finetune.epochs"))
    assert epochs.split()[1:] == ["9", "--set"]


def test_doctor_finds_this_machine_fit(evenhand):
    done = evenhand("doctor")
    assert done.returncode == 0, done.stdout
    assert "one matching set" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nlp/suport-intent"], "Did you mean 'nlp/support-intent'?"),
        (["run", "nlp/support-intent", "--set", "finetune.epoch=3"], "Did you mean 'finetune.epochs'?"),
        (["run", "nlp/support-intent", "--data", "not-there.csv"], "not-there.csv"),
        (["run", "nlp/support-intent", "--set", "backbone=all-minilm"], "Did you mean 'all-minilm-l6-v2'?"),
        (["run", "nlp/support-intent", "--out", "/proc/run"], "/proc/run"),
        (["compare", "here", "there"], "not the directory of a finished run"),
        (["report", "here"], "not the directory of a finished run"),
        (["audit", "not-there.csv", "--score", "s", "--sensitive", "sex"], "not-there.csv"),
        (["audit"], "Missing argument"),
        (["adit"], "No such command"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(evenhand, arguments, says):
    done = evenhand(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_debug_shows_the_traceback(evenhand):
    done = evenhand("audit", "not-there.csv", "--score", "s", "--sensitive", "sex", "--debug")
    assert "Traceback" in done.stderr


@pytest.mark.slow
def test_python_gives_the_same_answers(evenhand):
    for name in ("plugins", "doctor"):
        assert json.loads(evenhand(name, "--json").stdout) == json.loads(json.dumps(getattr(api, name)()))
    assert {row["recipe"] for row in json.loads(evenhand("recipes", "--json").stdout)} == set(api.recipes())
    assert {row["backbone"] for row in json.loads(evenhand("backbones", "--json").stdout)} == set(api.backbones())
    shown = {row["key"]: row for row in api.show("nlp/support-intent", ["finetune.epochs=2"])}
    assert shown["finetune.epochs"]["value"] == 2
    assert shown["finetune.epochs"]["origin"] != shown["finetune.strategy"]["origin"]
    with pytest.raises(api.BadInput, match="Did you mean"):
        api.show("nlp/support-intend")
