# Everyday commands; each makes .venv first if it is missing.
.PHONY: quickstart test fast check format docs wheel

quickstart:  # from nothing to a leaderboard
	bash scripts/quickstart.sh

test:  # all tests
	bash scripts/test.sh

fast:  # without the slow ones
	bash scripts/test.sh -m "not slow"

check:  # style, types and tests in a fresh environment, as on every change
	bash .ci/run

format:
	bash -c 'source scripts/environment.sh && ruff check --fix . && ruff format .'

docs:  # the documentation, at http://127.0.0.1:8000
	bash -c 'source scripts/environment.sh && python -m pip install --quiet -c constraints.txt --editable ".[docs]" && mkdocs serve'

wheel:
	bash -c 'source scripts/environment.sh && python -m pip wheel --no-deps --wheel-dir dist .'
