# Every target sets up what it needs: a virtual environment in .venv, pinned by constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint types check docs soak benchmarks claims clean

demo: $(READY)  ## train, sample and compare eight systems on real digits; writes runs/compare-digits/report.html
	$(BIN)/daedal compare digits --out runs/compare-digits --overwrite

test: $(READY)  ## the tests, on two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile

$(READY): constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

lint: $(READY)  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## types
	$(BIN)/pyright

check: test lint types

docs: $(READY)  ## the documentation as static pages in site/, without a network
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/mkdocs build --strict

soak: $(READY)  ## kill and resume every system many times, bit for bit (minutes)
	$(BIN)/python -m tests.soak 20 --save

benchmarks: $(READY)  ## speed beside peers, in the same process (minutes)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt cloudpickle imageio pydantic tqdm
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps pythae
	$(BIN)/python -m benchmarks

claims: $(READY)  ## what the papers claim, each on three seeds, the portraits on one (about two hours)
	for name in pca gmm vae pixelcnn realnvp gan wgan-gp ddpm; do $(BIN)/daedal reproduce $$name; done
	$(BIN)/daedal reproduce conditional-digits
	$(BIN)/daedal reproduce conditional-portraits --seeds 0
	$(BIN)/daedal reproduce compare-digits
	$(BIN)/python -m daedal.claims.reproduce

clean:
	rm -rf .venv build dist site *.egg-info
