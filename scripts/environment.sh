# Sourced by the set-up scripts: makes a virtual environment with pinned versions, once, and puts it first on the path.
# ELMO_XLSTM_VENV names another place for it; PYTHON another interpreter (3.10 or newer); CONSTRAINTS another file of the
# versions of all packages but torch.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment="${ELMO_XLSTM_VENV:-.venv}"
if ! "$environment/bin/python" -c 'import elmo_xlstm, pytest, torch' 2>/dev/null; then
    echo "Installing into $environment (a few minutes) ..."
    "${PYTHON:-python3}" -m venv "$environment"
    # torch first: with it in place, no other package brings another build of it.
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "${CONSTRAINTS:-constraints.txt}" --editable '.[dev]'
fi
PATH="$(cd "$environment/bin" && pwd):$PATH"
export PATH
