"""A server by a real client: each reply its own, nothing lost, every bad request a sentence, every answer logged."""

import base64
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_labels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_bert import tiny_bert

import evenhand
import toy_images
import toy_tables
from evenhand import BadInput
from evenhand.deploying.serving.body import rows_of
from evenhand.deploying.serving.journal import OWN, Journal, to_parquet
from evenhand.extending.discovering import load

PLUGINS = load({"toy_tables": toy_tables, "toy_images": toy_images, "toy_labels": toy_labels})
ROW = {"income": 40.5, "debt": 12, "job": "nurse"}
KEY = "0123456789abcdef-of-a-test"
HERE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def loan(run_apart):
    return run_apart("toy_tables/loan", plugins=PLUGINS)


@contextlib.contextmanager
def served(run, **options):
    """A server of the run in a thread of its own: yields (address, what it will have told)."""
    told, up = {}, threading.Event()

    def started(address, stop):
        told.update(address=address, stop=stop)
        up.set()

    def work():
        try:
            told["served"] = evenhand.serve(run.path, **({"plugins": PLUGINS, "port": 0} | options), started=started)
        finally:
            up.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert up.wait(60)
    try:
        yield told["address"], told
    finally:
        told["stop"]()
        thread.join(60)


def ask(address, body=None, path="/predict", method="POST", kind="application/json", **headers):
    """(status, what the server says) of one request on a connection of its own."""
    connection = http.client.HTTPConnection(address.partition("//")[2], timeout=60)
    sent = body if isinstance(body, bytes | str | None) else json.dumps(body)
    connection.request(method, path, sent, {"Content-Type": kind, **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    is_json = response.getheader("content-type", "").startswith("application/json")
    return response.status, json.loads(text) if is_json else text.decode()


@pytest.fixture(scope="module")
def server(loan, tmp_path_factory):
    with served(loan, log=tmp_path_factory.mktemp("log")) as (address, _):
        yield address


def test_a_reply_is_what_the_run_itself_says_of_these_rows(server, loan):
    rows = [ROW, {"income": None, "debt": 3.5, "job": "clerk"}, {"income": 80, "debt": 30, "job": "no such job"}]
    status, reply = ask(server, {"rows": rows})
    frame = pl.DataFrame(rows, schema={"income": pl.Float64, "debt": pl.Float64, "job": pl.String})
    expected = evenhand.load(loan.path, PLUGINS).table(frame)
    assert status == 200
    assert [row["prediction"] for row in reply["rows"]] == expected["prediction"].to_list()
    assert [row["score"] for row in reply["rows"]] == pytest.approx(expected["score"].to_list())
    assert reply["model"] == json.loads((loan.path / "manifest.json").read_text())["identity"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ([ROW | {"incme": 1}], 422, "column 'incme' of the request is not one that this model knows"),
        ([{"income": 1, "job": "nurse"}], 422, "column 'debt' is not in the request; it has: income, job."),
        ([ROW, {"income": 1}], 422, "column 'debt' is not in row 2 of the request"),
        ([ROW | {"income": "abc"}], 422, "holds 'abc' in row 1, and the model was trained on numbers there"),
        ([ROW | {"income": True}], 422, "holds 'true' in row 1, and the model was trained on numbers there"),
        ([ROW | {"income": [1]}], 422, "holds a list in row 1; send one value per row"),
        ([ROW | {"job": "\ud800"}], 422, "half of a character"),
        ([ROW | {"job": "x" * 100_001}], 422, "a text of 100,001 characters"),
        ([ROW] * 1_001, 422, "the request has 1,001 rows, and 1,000 are the most"),
        ([], 422, "the request has no rows"),
        ([1], 422, "row 1 of the request is a number"),
        ({"rows": [ROW], "row": 1}, 422, "beside 'rows' the request has 'row'"),
        ('{"income": NaN, "debt": 1, "job": "a"}', 422, "holds NaN, which JSON does not have"),
        ('{"income": 1e999, "debt": 1, "job": "a"}', 422, "that is beyond any here"),
        ('{"income": 1, "income": 2}', 422, "a row of the request has 'income' twice"),
        ('{"income": 1' + "0" * 5_000 + "}", 400, "a number of thousands of digits"),
        ("[" * 100_000, 400, "brackets nest too deep"),
        ("{", 400, "the request is not JSON"),
        (b"\xff\xfe", 400, "the request is not UTF-8 text"),
        (b" " * 17_000_000, 413, "larger than 16 MB"),
    ],
    ids=lambda value: None if isinstance(value, int) else str(value)[:30],
)
def test_a_bad_request_is_told_what_is_wrong_in_one_sentence(server, body, status, says):
    found, reply = ask(server, body)
    assert (found, list(reply)) == (status, ["error"])
    assert says in reply["error"]


def test_other_kinds_addresses_hosts_and_pages_of_other_sites_are_refused(server):
    assert ask(server, b"a=1", kind="text/plain")[0] == 415
    assert ask(server, ROW, Host="attacker.example")[0] == 403
    assert ask(server, ROW, Origin="http://attacker.example")[0] == 403
    assert ask(server, path="/predict", method="GET")[0] == 405
    for page in ("/docs", "/redoc", "/openapi.json", "/../manifest.json"):
        assert ask(server, path=page, method="GET")[0] == 404


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("/etc/passwd")
things = st.recursive(
    values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=6
)
columns = st.sampled_from(["income", "debt", "job", "sex", "customer", "repaid", "rows", ""]) | st.text(max_size=5)
bodies = (
    st.binary(max_size=60)
    | things.map(json.dumps)
    | st.dictionaries(columns, things, max_size=7).map(json.dumps)
    | st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, values)), max_size=3).map(json.dumps)
)
kinds = st.sampled_from(["application/json", "application/json; charset=x", "multipart/form-data; boundary=b", "", ";"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies, kind=kinds)
def test_no_malformed_request_is_a_fault_of_the_server(server, body, kind):
    status, reply = ask(server, body, kind=kind)
    assert status in (200, 400, 415, 422), reply
    if status != 200:
        assert "\n" not in reply["error"]
        assert "Traceback" not in reply["error"]


def test_a_thousand_requests_of_eight_clients_get_each_its_own_reply_and_one_line_of_the_log(loan, tmp_path):
    def client(number):
        connection = http.client.HTTPConnection(address.partition("//")[2], timeout=60)
        replies = []
        for turn in range(125):
            row = ROW | {"income": number * 1_000 + turn, "debt": (number * 7 + turn) % 29}
            bad = turn % 25 == 7  # which spoils no other request of its batch
            connection.request("POST", "/predict", json.dumps(row | ({"income": "x"} if bad else {})), kind_of_json)
            response = connection.getresponse()
            replies.append((row, response.status, json.loads(response.read())))
        return replies

    kind_of_json = {"Content-Type": "application/json"}
    with served(loan, log=tmp_path / "log", log_rows=300) as (address, told):
        with ThreadPoolExecutor(8) as pool:
            replies = [reply for some in pool.map(client, range(8)) for reply in some]
        metrics = ask(address, path="/metrics", method="GET")[1]
    good = [(row, reply) for row, status, reply in replies if status == 200]
    assert (len(replies), len(good)) == (1_000, 960)
    frame = pl.DataFrame([row for row, _ in good], schema={"income": pl.Float64, "debt": pl.Float64, "job": pl.String})
    expected = evenhand.load(loan.path, PLUGINS).table(frame)["score"]
    np.testing.assert_allclose([reply["rows"][0]["score"] for _, reply in good], expected)
    logged = pl.read_parquet(tmp_path / "log" / "*.parquet")
    by_request = {row["request"]: row for row in logged.iter_rows(named=True)}
    assert logged.height == len(by_request) == 960
    for row, reply in good:
        line = by_request[reply["request"]]
        assert (line["income"], line["debt"], line["row"]) == (row["income"], row["debt"], 1)
        assert line["score"] == reply["rows"][0]["score"]
    assert len(list((tmp_path / "log").glob("*.parquet"))) >= 3
    assert told["served"].requests == 960
    assert 'evenhand_requests_total{path="/predict",status="200"} 960.0' in metrics
    assert 'evenhand_requests_total{path="/predict",status="422"} 40.0' in metrics
    assert "evenhand_rows_total 960.0" in metrics
    ones = sum(reply["rows"][0]["prediction"] for _, reply in good)
    assert f'evenhand_predictions_total{{prediction="1"}} {float(ones)}' in metrics


def test_a_row_that_is_alone_and_one_in_company_get_the_same_score(loan):
    with served(loan, log=False, batch=1) as (address, _):
        alone = ask(address, ROW)[1]["rows"]
    with served(loan, log=False, batch=64, wait=50) as (address, _), ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda number: ask(address, ROW | {"debt": 12 + number}), range(6)))
    assert together[0][1]["rows"] == alone


def test_the_log_names_nobody_unless_asked(loan, tmp_path):
    row = ROW | {"sex": "f", "region": "north", "customer": 7, "repaid": 1}
    for asked in (False, True):
        with served(loan, log=tmp_path / str(asked), log_sensitive=asked) as (address, _):
            assert ask(address, row)[0] == 200
    plain, full = (pl.read_parquet(tmp_path / name / "*.parquet") for name in ("False", "True"))
    assert plain.columns == [*OWN, "prediction", "score", "income", "debt", "job"]
    assert full.select("sex", "region", "customer").row(0) == ("f", "north", 7)
    assert plain.schema["time"] == pl.Datetime("us", "UTC")


def test_a_key_is_asked_for_everywhere_but_for_the_sign_of_life(loan, tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    with served(loan, log=False, key_file=tmp_path / "key") as (address, _):
        assert ask(address, ROW)[0] == 401
        assert ask(address, ROW, Authorization=f"Bearer {KEY}x")[0] == 401
        assert ask(address, path="/metrics", method="GET")[0] == 401
        assert ask(address, ROW, Authorization=f"Bearer {KEY}")[0] == 200
        assert ask(address, ROW, **{"X-API-Key": KEY})[0] == 200
        assert ask(address, ROW, **{"X-API-Key": "\xff"})[0] == 401
        assert ask(address, path="/health", method="GET")[1]["ready"] is True


def test_the_card_is_markdown_or_a_page_on_which_html_is_text(loan, tmp_path):
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(loan.path, copy)
    (copy / "README.md").write_text("---\nhead: 1\n---\n# A <script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    with served(_At(copy), log=False) as (address, _):
        text = ask(address, path="/card", method="GET")[1]
        page = ask(address, path="/card", method="GET", Accept="text/html,*/*")[1]
    assert text.startswith("---\nhead: 1")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert 'href="javascript' not in page
    assert "head: 1" not in page


class _At:
    """A run that lies in `path`."""

    def __init__(self, path):
        self.path = path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"port": 99_999}, "there is no port 99999"),
        ({"host": "0.0.0.0"}, "whoever reaches 0.0.0.0 could ask this model; give a key"),
        ({"host": "no such host", "without_key": True}, "there is no address 'no such host' on this machine"),
        ({"batch": 0}, "batch is 0; it is 1 or more"),
        ({"wait": -1}, "a wait of -1 ms is not possible"),
        ({"megabytes": 0}, "a limit of 0 MB is not possible"),
        ({"key_file": "no-such-file"}, "the key in no-such-file cannot be read"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_cannot_be_served_is_refused_before_the_model_is_loaded(loan, options, says):
    with pytest.raises(BadInput, match=says.replace("(", r"\(")):
        evenhand.serve(loan.path, plugins=PLUGINS, **({"port": 0} | options))


def test_a_short_key_a_taken_port_and_a_log_of_another_server_are_refused(loan, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match="is in use"):
        evenhand.serve(loan.path, plugins=PLUGINS, port=taken.getsockname()[1])
    with served(loan, log=tmp_path), pytest.raises(BadInput, match="another evenhand serve logs to"):
        evenhand.serve(loan.path, plugins=PLUGINS, port=0, log=tmp_path)
    monkeypatch.setenv("EVENHAND_API_KEY", "short")
    with pytest.raises(BadInput, match="the key in EVENHAND_API_KEY is no key"):
        evenhand.serve(loan.path, plugins=PLUGINS, port=0)


@pytest.fixture
def command(loan, tmp_path):
    """`evenhand serve` of the run in a process of its own: command(*options) -> (process, address)."""
    info = tmp_path / "site" / "evenhand_test_toy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evenhand-test-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evenhand]\ntoy_tables = toy_tables\n")
    path = os.pathsep.join([str(tmp_path / "site"), str(HERE / "tests" / "plugins"), os.environ.get("PYTHONPATH", "")])
    started = []

    def start(*options):
        words = [sys.executable, "-m", "evenhand", "serve", str(loan.path), "--port=0", *map(str, options)]
        process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)
        started.append(process)
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("serving "):
                return process, line.split(" at ")[1].split(" ")[0], "".join(said)
        raise AssertionError("".join(said))

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def keep_asking(address, answered):
    """Ask until the server is gone; adds the id of every request that was answered to `answered`."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(address.partition("//")[2], timeout=60)
        while True:
            connection.request("POST", "/predict", json.dumps(ROW), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answered.append(json.loads(response.read())["request"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_stopped_or_killed_under_load_every_answer_is_in_the_log(command, tmp_path, number):
    log, answered = tmp_path / "log", []
    process, address, _ = command("--log", log, "--log-rows", 40)
    clients = [threading.Thread(target=keep_asking, args=(address, answered)) for _ in range(8)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + 60
    while len(answered) < 150 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    for client in clients:
        client.join(60)
    code = process.wait(60)
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
        left = next(log.glob(".*.journal"), None)
        if left is not None:
            with left.open("ab") as file:
                file.write(b'["2026-11-26T10:00:00+00:00", "cut')
        again, _, said = command("--log", log)
        assert left is None or "1 line of it cut, and dropped" in said
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 0
    else:
        assert code == 0
    assert not list(log.glob(".*.journal"))
    logged = pl.read_parquet(log / "*.parquet")["request"].to_list()
    assert len(logged) == len(set(logged))
    assert len(answered) >= 150
    assert set(answered) <= set(logged)


def test_a_port_that_is_taken_ends_the_command_with_two_and_a_sentence(evenhand, loan):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = evenhand("serve", loan.path, "--port", taken.getsockname()[1])
    assert done.returncode == 2
    assert done.stderr.strip().endswith("is in use; stop what listens there, or take another (--port)")


KINDS = {"prediction": "whole", "score": "number", "job": "text", "when": "time", "day": "date", "ok": "truth"}


@given(st.data())
@settings(max_examples=60)
def test_a_journal_cut_anywhere_gives_back_every_whole_line(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("journal")
    frame = pl.DataFrame(
        {"prediction": [1, 0], "score": [0.25, None], "job": ["a\n\u2028", None], "ok": [True, None]}
    ).with_columns(when=pl.lit(None, pl.Datetime("us")), day=pl.date(2026, 3, 31))
    journal = Journal(folder, "model", 1_000, 1_000)
    for number in range(5):
        journal.add([(f"r{number}", frame)], KINDS)
    (path,) = folder.glob(".*.journal")
    whole = path.read_bytes()
    end = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:end])
    lines = max(0, whole[:end].count(b"\n") - 1)
    assert to_parquet(path)[0] == 2 * lines
    made = list(folder.glob("*.parquet"))
    assert len(made) == (lines > 0)
    for file in made:
        found = pl.read_parquet(file)
        assert found["request"].unique(maintain_order=True).to_list() == [f"r{number}" for number in range(lines)]
        assert found.select(frame.columns).head(2).equals(frame)
    assert not path.exists()
    path.touch()
    journal.close()


def test_a_disk_that_is_full_leaves_no_half_line_for_the_next(tmp_path, monkeypatch):
    journal, frame, write = Journal(tmp_path, "m", 100, 100), pl.DataFrame({"job": ["a"]}), os.write
    journal.add([("first", frame)], {"job": "text"})

    def full(file, content):
        if len(content) > 5:
            return write(file, bytes(content)[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.add([("lost", pl.DataFrame({"job": ["b"]}))], {"job": "text"})
    monkeypatch.setattr(os, "write", write)
    journal.add([("second", frame)], {"job": "text"})
    assert journal.close() == 1
    assert pl.read_parquet(tmp_path / "*.parquet")["request"].to_list() == ["first", "second"]


@pytest.fixture(scope="module")
def spots(run_apart):
    return run_apart("toy_images/spots", plugins=PLUGINS)


def picture(kind="PNG"):
    from PIL import Image

    pixels, file = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def form(*parts):
    """A form of (name, file name or None, content)."""
    body = b""
    for name, file, content in parts:
        named = f'; filename="{file}"' if file else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return body + b"--b--\r\n"


def test_an_image_comes_as_base64_as_itself_or_in_a_form_and_is_the_same_image(spots, tmp_path):
    content = picture()
    with served(spots, log=tmp_path / "log") as (address, _):
        replies = [
            ask(address, {"image": base64.b64encode(content).decode()}),
            ask(address, [{"filename": "data:image/png;base64," + base64.b64encode(content).decode(), "sex": "f"}]),
            ask(address, content, kind="image/png"),
            ask(
                address, form(("image", "a.png", content), ("sex", None, b"f")), kind="multipart/form-data; boundary=b"
            ),
        ]
        bad = [
            ask(address, {"image": "/etc/passwd"}),
            ask(address, {"image": base64.b64encode(b"/etc/passwd").decode()}),
            ask(address, {"image": 5}),
            ask(address, {"image": None}),
            ask(address, content[:200], kind="image/png"),
            ask(address, b"", kind="image/png"),
            ask(address, form(("image", "a.png", content))[:-9], kind="multipart/form-data; boundary=b"),
            ask(address, form(("sex", None, b"f")), kind="multipart/form-data; boundary=b"),
        ]
    assert [status for status, _ in replies] == [200] * 4, replies
    assert len({json.dumps(reply["rows"]) for _, reply in replies}) == 1
    assert {status for status, _ in bad} <= {400, 422}, bad
    assert pl.read_parquet(tmp_path / "log" / "*.parquet")["filename"].str.len_chars().unique().to_list() == [64]


@given(st.binary(max_size=300))
def test_a_form_gives_back_the_bytes_that_it_was_given(content):
    if b"\r\n--b" in content or content.startswith(b"--b"):
        return
    recipe = PLUGINS.recipe("toy_images/spots")
    assert rows_of(form(("image", "x", content)), "multipart/form-data; boundary=b", recipe) == [{"filename": content}]


@pytest.fixture(scope="module")
def tickets(run_apart, tmp_path_factory):
    toy_labels.FOLDER = str(tiny_bert(tmp_path_factory.mktemp("bert"), toy_labels.ALL_WORDS))
    return run_apart("toy_labels/tickets", plugins=load({"toy_labels": toy_labels}))


def test_a_text_is_asked_by_its_word_or_its_column_and_a_missing_one_is_refused(tickets):
    with served(tickets, log=False, plugins=load({"toy_labels": toy_labels})) as (address, _):
        one = ask(address, {"text": "the fee was too high"})
        two = ask(address, {"rows": [{"text": "the fee was too high"}, {"text": "it crashes"}]})
        metrics = ask(address, path="/metrics", method="GET")[1]
        bad = [ask(address, {"text": value}) for value in (None, " ", [], {"a": 1})]
    assert (one[0], two[0]) == (200, 200), (one, two)
    assert two[1]["rows"][0] == pytest.approx(one[1]["rows"][0])  # a network adds up otherwise in company
    assert {status for status, _ in bad} == {422}, bad
    assert json.loads(one[1]["rows"][0]["prediction"]) is not None
    assert "evenhand_rows_total 3.0" in metrics
