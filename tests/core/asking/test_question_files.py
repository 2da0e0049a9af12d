"""A question in a file and on the command line: written, read, overridden, refused."""

import json
from pathlib import Path

import pytest

from evenhand import BadInput, Question
from evenhand.asking.question import PARTS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sensitve = 'sex'", "Did you mean 'sensitive'?"),
        ("zzzz = 1", "A question has sensitive, label"),
        ("confidence = 95", "'confidence' = 95 (audit.toml) is not allowed: the confidence 95 is not a number"),
        ("label = 5", "'label' = 5 (audit.toml)"),
        ("[tolerance]\ntpr = 'x'", "'tolerance.tpr' = 'x'"),
        ("[bins]\nage = 1", "'bins.age' = 1"),
        ("exact = 'yes'", "true or false"),
        ("task = 'binry'", "multiclass"),
        ("label = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_would_be_right(text, says):
    with pytest.raises(BadInput) as error:
        Question.from_toml(text, "audit.toml")
    assert says in str(error.value)
    assert "audit.toml" in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.toml cannot be read"):
        Question.from_file(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("label = 'größe'".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8"):
        Question.from_file(tmp_path / "latin.toml")


def test_a_policy_file_is_found_from_where_the_question_lies(tmp_path, monkeypatch):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    Question(policy="rules/mine.toml").to_file(tmp_path / "rules" / "audit.toml")
    assert 'policy = "mine.toml"' in (tmp_path / "rules" / "audit.toml").read_text()
    monkeypatch.chdir("/")
    found = Question.from_file(tmp_path / "rules" / "audit.toml")
    assert Path(found.policy) == tmp_path / "rules" / "mine.toml"


def test_a_question_that_no_file_can_hold_is_refused(frame):
    from evenhand.auditing.question.policy import load_policy

    with pytest.raises(BadInput, match="no file"):
        Question(policy=load_policy("us-four-fifths")).to_toml()
    with pytest.raises(BadInput, match="UTF-8"):
        Question(label="\ud800").to_toml()


# the command line


EVERY_OPTION = """
    --label y --score s --sensitive sex,age --bins age=30,50 --reference sex=m --tolerance tpr=0.1 --policy mine.toml
    --intersections 2 --slices site --cluster home --confidence 0.9 --replicates 400 --seed 3 --exact --positive 1
    --metrics tpr,auc --threshold 0.4 --title Mine --task binary --mitigation sweep
"""


@pytest.mark.slow
def test_a_saved_question_gives_the_same_audit_and_options_stand_in_for_its_parts(evenhand, tmp_path, frame):
    frame.write_csv(tmp_path / "p.csv")
    (tmp_path / "mine.toml").write_text(
        'name = "m"\nversion = "1"\ntitle = "t"\nsource = "s"\n[[ratio]]\nleast = 0.8\n'
    )
    (tmp_path / "kept").mkdir()
    first = evenhand(
        "audit", "p.csv", *EVERY_OPTION.split(), "--save-question", "kept/audit.toml", "--json", "--out", "one"
    )
    assert first.returncode in (0, 1), first.stderr
    again = evenhand("audit", "p.csv", "--question", "kept/audit.toml", "--json", "--out", "two")
    assert again.stdout == first.stdout
    assert (tmp_path / "one" / "audit.json").read_bytes() == (tmp_path / "two" / "audit.json").read_bytes()
    assert evenhand("verify", "two").returncode == 0
    other = evenhand(
        "audit",
        "p.csv",
        "--question",
        "kept/audit.toml",
        "--sensitive",
        "sex",
        "--no-exact",
        "--bins",
        "sex=each",
        "--json",
    )
    asked = json.loads(other.stdout)["question"]
    assert (asked["sensitive"], asked["exact"], asked["confidence"]) == (["sex"], False, 0.9)
    (tmp_path / "kept" / "audit.toml").write_text("sensitiv = 'sex'")
    refused = evenhand("audit", "p.csv", "--question", "kept/audit.toml")
    assert refused.returncode == 2
    assert "Did you mean 'sensitive'?" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_every_part_has_an_option_with_its_help(evenhand):
    shown = " ".join(evenhand("audit", "--help", env={"COLUMNS": "400"}).stdout.split())
    for name, part in PARTS.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert part.says.split(":")[0] in shown
