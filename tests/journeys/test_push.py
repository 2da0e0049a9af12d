"""A finished run goes to the hub, whole, in one commit, and without anybody's rows; a server on this machine stands in
for the hub, so that the client's own upload is what is tested."""

import base64
import json
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import evenhand
import toy_images
import toy_tables
from evenhand.extending.discovering import load as load_plugins

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


class Hub(BaseHTTPRequestHandler):
    """Answers what the client asks when it makes a repository and a commit; keeps what it was sent."""

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not sent and self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                sent += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        kept = self.server.kept
        kept["tokens"].add(self.headers.get("Authorization"))
        if kept["status"] != 200:
            return self.answer(kept["status"], {"error": "no"})
        if self.path == "/api/repos/create":
            kept["created"].append(json.loads(sent))
            return self.answer(200, {"url": f"{self.server.address}/my-team/loans", "name": "my-team/loans"})
        if self.path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(sent)["files"]]
            return self.answer(200, {"files": [{**file, "shouldIgnore": False, "oid": None} for file in files]})
        lines = [json.loads(line) for line in sent.splitlines()]
        kept["commits"].append([line["value"] for line in lines if line["key"] == "file"])
        return self.answer(200, {"commitUrl": f"{self.server.address}/my-team/loans/commit/0", "commitOid": "0"})

    def do_GET(self):
        self.answer(200, {"id": "my-team/loans", "sha": "0", "siblings": []})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    server.kept = {"tokens": set(), "created": [], "commits": [], "status": 200}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def online(hub, tmp_path):
    """The environment of a command that reaches the server and has a token."""
    return {"HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path / "hf")}


@pytest.fixture(
    scope="module", params=[(toy_tables, ()), (toy_images, ("finetune.strategy=full", "finetune.epochs=1"))]
)
def finished(request, tmp_path_factory):
    module, settings = request.param
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        plugins = load_plugins({module.__name__: module})
        recipe = module.recipes()[0].full_name
        return evenhand.run(recipe, plugins=plugins, settings=settings, out=folder / "run").path


def contents(commit):
    return {file["path"]: base64.b64decode(file["content"]) for file in commit}


def test_a_run_goes_whole_and_without_rows(evenhand, finished, hub, online):
    (finished / "notes.txt").write_text("mine")
    done = evenhand("push", finished, "my-team/loans", env=online)
    (finished / "notes.txt").unlink()
    assert done.returncode == 0, done.stderr
    assert "left out: predictions.parquet (--with-predictions)" in done.stdout
    assert f"pushed: {hub.address}/my-team/loans" in done.stdout
    assert hub.kept["tokens"] == {"Bearer hf_secret"}
    (made,) = hub.kept["created"]
    assert (made["name"], made["organization"], made["visibility"]) == ("loans", "my-team", "private")
    (commit,) = hub.kept["commits"]
    sent = contents(commit)
    assert "predictions.parquet" not in sent
    assert "notes.txt" not in sent
    assert {"README.md", "recipe.toml", "manifest.json", "audit.json", "evaluation.json", "report.html"} <= set(sent)
    mine = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    for name in set(sent) & mine:
        assert sent[name] == (finished / name).read_bytes(), name


def test_what_is_asked_for_goes_too(evenhand, finished, hub, online):
    done = evenhand("push", finished, "my-team/loans", "--with-predictions", "--public", "--json", env=online)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert hub.kept["created"][0]["visibility"] == "public"
    sent = contents(hub.kept["commits"][0])
    assert sorted(sent) == told["files"]
    assert sent["predictions.parquet"] == (finished / "predictions.parquet").read_bytes()
    assert told["left_out"] == []


def test_a_trained_network_stands_where_its_library_looks(evenhand, finished, hub, online, tmp_path):
    import timm

    assert evenhand("push", finished, "my-team/loans", env=online).returncode == 0
    sent = contents(hub.kept["commits"][0])
    if "toy_tables" in (finished / "recipe.toml").read_text():
        assert not {"config.json", "model.safetensors"} & set(sent)
        return
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(sent[name])
        assert sent[name] == sent[f"model/{name}"]
    for folder in (tmp_path, finished / "model"):
        assert timm.create_model(f"local-dir:{folder}", pretrained=True).num_classes == 2
    assert not {"model.json", "about.json", "head.safetensors"} & set(sent)


@pytest.mark.parametrize(
    ("name", "changed", "status", "says"),
    [
        ("my-team/loans", {"HF_HUB_OFFLINE": "1"}, 200, "HF_HUB_OFFLINE is set, and a push needs the hub; unset it"),
        (
            "my-team/loans",
            {"HF_TOKEN": ""},
            200,
            "there is no token for the hub; log in with `hf auth login`, or set HF_TOKEN",
        ),
        (
            "loans",
            {},
            200,
            "'loans' is no name of a model on the hub; write OWNER/NAME, such as my-team/support-intent",
        ),
        ("my-team/loans", {}, 403, "could not be pushed to ADDRESS: your token may not write there; check the name"),
        ("my-team/loans", {}, 401, "could not be pushed to ADDRESS: your token is not valid; check the name"),
        ("my-team/loans", {"HF_ENDPOINT": "http://127.0.0.1:9"}, 200, "could not be pushed to http://127.0.0.1:9: "),
    ],
)
def test_a_push_that_cannot_be_is_one_sentence(evenhand, finished, hub, online, name, changed, status, says):
    hub.kept["status"] = status
    done = evenhand("push", finished, name, env={**online, **changed})
    assert (done.returncode, done.stdout) == (2, "")
    assert says.replace("ADDRESS", hub.address) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not hub.kept["commits"]


def test_a_run_that_was_changed_or_is_not_finished_stays_here(evenhand, finished, hub, online, tmp_path):
    import shutil

    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "audit.json").write_text("{}")
    done = evenhand("push", tmp_path / "run", "my-team/loans", env=online)
    assert (done.returncode, "audit.json is not what the run wrote" in done.stderr) == (2, True)
    done = evenhand("push", tmp_path, "my-team/loans", env=online)
    assert (done.returncode, "is not the directory of a finished run" in done.stderr) == (2, True)
    manifest = json.loads((finished / "manifest.json").read_text())
    del manifest["stages"]["report"]
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(finished / "audit.json", tmp_path / "run")
    done = evenhand("push", tmp_path / "run", "my-team/loans", env=online)
    assert (done.returncode, "is not the directory of a finished run" in done.stderr) == (2, True)
    assert not hub.kept["created"]


def test_a_model_that_holds_training_rows_stays_here(evenhand, hub, online, tmp_path):
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import evenhand as package

    @package.hookimpl
    def finetune(recipe, splits):
        rows = splits.train.to_pandas()
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(algorithm="brute")).fit(
            rows[["debt"]], rows["repaid"]
        )
        return package.Adapted(model, (0, 1), "neighbours")

    module = types.ModuleType("toy_neighbours")
    vars(module).update(recipes=toy_tables.recipes, load_data=toy_tables.load_data, finetune=finetune)
    settings = ['schema.input=["debt"]']
    plugins = load_plugins({"toy_tables": module})
    run = package.run("toy_tables/loan", plugins=plugins, settings=settings, out=tmp_path / "run").path
    done = evenhand("push", run, "my-team/loans", env=online)
    assert done.returncode == 2
    says = "holds rows that it was trained on (Pipeline), and whoever gets it gets them; push it with --with-rows only"
    assert says in done.stderr
    assert not hub.kept["created"]
    assert evenhand("push", run, "my-team/loans", "--with-rows", env=online).returncode == 0
