# Everyday commands; each makes .venv first if it is missing.
.PHONY: quickstart test fast check format wheel

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

wheel:
	bash -c 'source scripts/environment.sh && python -m pip wheel --no-deps --wheel-dir dist .'
