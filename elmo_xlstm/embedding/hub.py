"""An embedder as a directory that explains itself, and on the Hugging Face hub."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model_directory import CONFIG_FILE, WEIGHTS_FILE
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.runs.checksums import write_checksums
from elmo_xlstm.text.tokenizer import SETTINGS_FILE, TOKENIZER_FILE

if TYPE_CHECKING:
    from elmo_xlstm.embedding.embedder import ElmoEmbedder

CARD_FILE = "README.md"
FILES = (CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE, SETTINGS_FILE)
CARD = """---
{{ card_data }}
---

# {{ title }}

A forward and a backward language model of mLSTM blocks ([xLSTM](https://arxiv.org/abs/2405.04517)) whose layers are
word vectors, the [ELMo](https://arxiv.org/abs/1802.05365) way. Written by
[elmo-xlstm](https://pypi.org/project/elmo-xlstm/).

```python
from elmo_xlstm import ElmoEmbedder

embedder = ElmoEmbedder.from_pretrained("{{ name }}")
[vectors] = embedder([["Presiden", "tiba", "di", "Surabaya"]])  # (words, {{ layers }}, {{ dim }})
```

With transformers, `import elmo_xlstm.hugging_face` makes `AutoConfig`, `AutoModel` and `AutoTokenizer` know it.

| | |
|---|---|
| parameters | {{ parameters }} |
| backbone | {{ backbone }}, {{ blocks }} blocks of width {{ width }} in each direction |
| layers of a word | {{ layers }} of {{ dim }} numbers |
| vocabulary | {{ vocabulary }} pieces, {{ casing }} |
| soft-max | {{ softmax }} |
| fingerprint | `{{ fingerprint }}` |

`checksums.json` has the SHA-256 of model and tokenizer, which is compared whenever they are loaded.
"""


def save_pretrained(embedder: ElmoEmbedder, directory: str | Path, name: str = "", **facts: Any) -> None:
    """Write model, tokenizer, a model card and checksums into a directory (made if missing).

    Args:
        embedder: pooling and precision are not written: they are chosen when it is loaded.
        directory: what another model there said of itself goes.
        name: under which it will be found, for the card; the directory by default.
        facts: of the card's metadata, such as ``license="apache-2.0"`` and ``language="id"``.
    """
    from huggingface_hub import ModelCard, ModelCardData

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    save_model(embedder.model, embedder.tokenizer, directory)
    config = embedder.model.config
    facts = {"library_name": "elmo-xlstm", "pipeline_tag": "feature-extraction", **facts}
    card = ModelCard.from_template(
        ModelCardData(**facts),
        template_str=CARD,
        title=(name or directory.resolve().name).rpartition("/")[2],
        name=name or str(directory),
        parameters=f"{embedder.model.num_parameters():,}",
        backbone=config.backbone.type,
        blocks=config.num_blocks,
        width=config.embedding_dim,
        layers=embedder.num_layers,
        dim=embedder.dim,
        vocabulary=f"{embedder.tokenizer.vocab_size:,}",
        casing="lower-cased" if embedder.tokenizer.lower_case else "cased",
        softmax="none: it encodes and predicts nothing" if config.softmax == "none" else config.softmax,
        fingerprint=embedder.fingerprint,
    )
    card.save(directory / CARD_FILE)
    write_checksums(directory, FILES)  # not of the card, which is made to be edited


def push_to_hub(
    embedder: ElmoEmbedder,
    name: str,
    revision: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    message: str = "Upload an embedder",
    **facts: Any,
) -> str:
    """Write the files of :func:`save_pretrained` to the Hugging Face hub.

    Args:
        embedder: what to write.
        name: ``owner/name``; made if missing.
        revision: branch to write to, made if missing; the main one by default.
        private: of a repository that is made; as the owner's settings say by default.
        token: of the owner; by default that of ``hf auth login``.
        message: of the commit.
        facts: see :func:`save_pretrained`.

    Returns:
        The identifier of the commit, a ``revision`` that stays what it is.

    Raises:
        UserError: the hub does not take it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi(token=token)
    try:
        api.create_repo(name, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(name, branch=revision, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            save_pretrained(embedder, directory, name, **facts)
            commit = api.upload_folder(repo_id=name, folder_path=directory, revision=revision, commit_message=message)
    except (HfHubHTTPError, HFValidationError) as error:
        raise UserError(
            f"{name}: the Hugging Face hub does not take the model ({error}); check the name, which is owner/name, and "
            "log in with: hf auth login"
        ) from None
    return str(commit.oid)
