from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elmo_xlstm.embedding import ElmoEmbedder, EmbedderSettings, FeatureStore
from elmo_xlstm.embedding import embedder as module
from elmo_xlstm.embedding.embedder import token_budget_batches
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones.mlstm import cell
from elmo_xlstm.lm.model_directory import find_model
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.text import Tokenizer

SENTENCES = [
    ["Siti", "tiba", "di", "Surabaya", "pada", "pagi", "hari", "."],
    ["Budi"],
    ["rumah", "tetangga", "dan", "Kebun-Raya", "Bogor"],
    [],
    ["Jakarta", "xyz", "", "🦜", "\u200b", "pagi"],
    ["di"] * 40,
]


def assert_same(first: np.ndarray, second: np.ndarray, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(first, second, rtol=0, atol=tolerance)


@pytest.fixture
def alone(embedder) -> list[np.ndarray]:
    return [embedder([sentence])[0] for sentence in SENTENCES]


def test_shapes(embedder, alone) -> None:
    assert (embedder.num_layers, embedder.dim) == (3, 32)
    for sentence, vectors in zip(SENTENCES, alone, strict=True):
        assert vectors.shape == (len(sentence), 3, 32) and vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
    assert embedder([]) == []


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(len(SENTENCES))), budget=st.sampled_from([1, 30, 512]))
def test_company_and_order_do_not_matter(model_directory, order, budget) -> None:
    embedder = ElmoEmbedder.from_pretrained(model_directory, device="cpu")
    expected = [embedder([sentence])[0] for sentence in SENTENCES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TOKEN_BUDGET", budget)
        for index, vectors in zip(order, embedder([SENTENCES[index] for index in order]), strict=True):
            assert_same(vectors, expected[index])


def test_fast_products_are_chosen_while_embedding_alone(embedder, alone, chosen_precisions) -> None:
    for vectors, expected in zip(embedder(SENTENCES), alone, strict=True):
        assert_same(vectors, expected)
    assert set(chosen_precisions[::2]) == {"bf16"} and set(chosen_precisions[1::2]) == {"none"}
    assert chosen_precisions[-1] == "none"


def test_no_state_is_kept(embedder, alone) -> None:
    for _ in range(2):
        for sentence, vectors in zip(SENTENCES, alone, strict=True):
            np.testing.assert_array_equal(embedder([sentence])[0], vectors)


def test_train_changes_nothing(embedder, alone) -> None:
    embedder.train()
    assert not any(part.training for part in embedder.modules())
    container = nn.ModuleList([embedder, nn.Dropout()]).train()
    assert container[1].training and not any(part.training for part in embedder.modules())
    np.testing.assert_array_equal(embedder([SENTENCES[0]])[0], alone[0])


def test_weights_are_frozen(embedder) -> None:
    assert not any(parameter.requires_grad for parameter in embedder.parameters())


@pytest.mark.parametrize("pooling", ["boundary", "first", "last", "mean"])
def test_pooling_against_the_model(model_directory, pooling) -> None:
    embedder = ElmoEmbedder.from_pretrained(model_directory, pooling, device="cpu")
    tokenizer, sentence = embedder.tokenizer, ["Siti", "tetangga", "Kebun-Raya", "."]
    pieces = [tokenizer.encode_texts([word])[0] for word in sentence]
    assert [len(p) for p in pieces] == [1, 8, 10, 1]
    ids = [tokenizer.bos_id, *sum(pieces, []), tokenizer.eos_id]
    with torch.no_grad():
        encoding = embedder.model.encode_layers(torch.tensor([ids]))
    forward = [encoding.embeddings[0], *(hidden[0] for hidden in encoding.forward)]
    backward = [encoding.embeddings[0], *(hidden[0] for hidden in encoding.backward)]
    vectors, start = embedder([sentence])[0], 1
    for word, own in enumerate(pieces):
        first, last = start, start + len(own) - 1
        start = last + 1
        everything = slice(first, last + 1)
        chosen = {
            "boundary": (slice(last, last + 1), slice(first, first + 1)),
            "first": (slice(first, first + 1),) * 2,
            "last": (slice(last, last + 1),) * 2,
            "mean": (everything, everything),
        }[pooling]
        for layer in range(3):
            expected = torch.cat([forward[layer][chosen[0]].mean(0), backward[layer][chosen[1]].mean(0)])
            assert_same(vectors[word, layer], expected.numpy())


def test_words_without_pieces_are_the_unknown_piece(embedder, alone) -> None:
    sentence = SENTENCES[4]
    assert embedder.tokenizer.encode_texts(["", "\u200b"]) == [[], []]
    unknown = embedder.model.token_embedding.weight[embedder.tokenizer.unk_id]
    for position in (sentence.index(""), sentence.index("\u200b")):
        assert_same(alone[4][position, 0], torch.cat([unknown, unknown]).numpy())


def test_first_layer_is_the_token_and_the_others_know_the_context(embedder) -> None:
    before = embedder([["Siti", "tiba", "di", "Jakarta"]])[0]
    after = embedder([["Siti", "tiba", "ke", "Jakarta"]])[0]
    token = embedder.model.token_embedding.weight[embedder.tokenizer.encode_texts(["Siti"])[0][0]].numpy()
    np.testing.assert_array_equal(before[0, 0], np.concatenate([token, token]))
    for word in (0, 1, 3):
        np.testing.assert_array_equal(before[word, 0], after[word, 0])
        # Words before the change know it by the backward half, words after it by the forward half.
        forward, backward = before[word, 1:, :16] - after[word, 1:, :16], before[word, 1:, 16:] - after[word, 1:, 16:]
        knows, ignores = (backward, forward) if word < 2 else (forward, backward)
        assert np.abs(knows).max() > 1e-3
        assert_same(ignores, np.zeros_like(ignores))


def test_longer_than_context_and_parallel_form(embedder) -> None:
    words = (SENTENCES[0] + SENTENCES[2]) * 60
    pieces = len(embedder.tokenizer.encode_words(words).input_ids)
    assert pieces > 2 * cell.PARALLEL_LENGTH > embedder.model.config.context_length
    long, *short = embedder([words, *SENTENCES])  # in one batch, so all by the chunkwise form
    assert long.shape == (len(words), 3, 32)
    assert_same(long, embedder([words])[0])
    for sentence, vectors in zip(SENTENCES, short, strict=True):
        assert_same(vectors, embedder([sentence])[0], 3e-5)  # alone by the parallel form, which rounds otherwise
    # Nothing is cut or read in pieces: the forward half has read what a prefix alone has, the backward half a suffix.
    assert_same(long[:20, :, :16], embedder([words[:20]])[0][:, :, :16], 3e-5)
    assert_same(long[-20:, :, 16:], embedder([words[-20:]])[0][:, :, 16:], 3e-5)


def test_fingerprint(model_directory, tiny_tokenizer, make_model, tmp_path) -> None:
    def fingerprint(directory: Path, pooling="boundary") -> str:
        return ElmoEmbedder.from_pretrained(directory, pooling, device="cpu").fingerprint

    original = fingerprint(model_directory)
    assert original == fingerprint(model_directory)
    copy = shutil.copytree(model_directory, tmp_path / "elsewhere" / "copy")
    assert fingerprint(copy) == original
    assert fingerprint(model_directory, "first") != original

    model = make_model(tiny_tokenizer, seed=1)
    with torch.no_grad():
        model.backward_stack.blocks[1].xlstm.learnable_skip[3] += 1e-3
    save_model(model, tiny_tokenizer, tmp_path / "weights")
    assert fingerprint(tmp_path / "weights") != original

    lower_casing = Tokenizer.Config(name=str(model_directory), lower_case=True).build()
    save_model(make_model(tiny_tokenizer, seed=1), lower_casing, tmp_path / "tokenizer")
    assert fingerprint(tmp_path / "tokenizer") != original


def test_fingerprint_of_precision_and_random_weights(model_directory) -> None:
    def fingerprint(**options) -> str:
        return ElmoEmbedder.from_pretrained(model_directory, device="cpu", **options).fingerprint

    options = [{}, {"precision": "bf16"}, {"precision": "int8"}, {"random_seed": 0}, {"random_seed": 1}]
    assert len({fingerprint(**chosen) for chosen in options}) == len(options)
    assert fingerprint(precision="fp32") == fingerprint()
    for chosen in options[1:]:
        assert fingerprint(**chosen) == fingerprint(**chosen)


def test_cleaning_of_words_is_part_of_the_model(model_directory, embedder, tmp_path) -> None:
    shutil.copytree(model_directory, tmp_path / "model")
    tokenizer = Tokenizer.load(tmp_path / "model")
    tokenizer.fix_unicode = True
    tokenizer.save(tmp_path / "model")
    cleaning = ElmoEmbedder.from_pretrained(tmp_path / "model", device="cpu")
    sentence, spelt = ["Siti", "tiba"], ["Ｓiti", "tiba\ufe0f"]
    np.testing.assert_array_equal(cleaning([spelt])[0], cleaning([sentence])[0])
    np.testing.assert_array_equal(cleaning([sentence])[0], embedder([sentence])[0])
    assert not np.array_equal(embedder([spelt])[0], embedder([sentence])[0])
    assert cleaning.fingerprint != embedder.fingerprint  # a store of vectors keeps both


@pytest.mark.parametrize("sentences", ["Presiden tiba", ["Presiden tiba"], [["Presiden", None]], None])
def test_a_text_in_place_of_words_is_a_type_error(embedder, sentences, tmp_path) -> None:
    store = FeatureStore(str(tmp_path), embedder)
    store.features([list("Presiden tiba"), ["P"]])
    for call in (embedder, lambda given: list(embedder.stream(given)), store.features):
        with pytest.raises(TypeError):
            call(sentences)
    with pytest.raises(TypeError):
        embedder.pieces("Presiden tiba")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pooling": "middle"}, ValueError),
        ({"pooling": None}, ValueError),
        ({"precision": "fp16"}, ValueError),
        ({"device": "gpu"}, UserError),
        ({"device": "cuda:99"}, UserError),
    ],
)
def test_options_are_refused_before_anything_is_read(options, error) -> None:
    with pytest.raises(error, match=str(*options.values())):
        ElmoEmbedder.from_pretrained("there is no such model", **options)


def test_a_model_is_saved_where_a_str_says(embedder, alone, tmp_path) -> None:
    embedder.save(f"{tmp_path}/new/model")
    saved = ElmoEmbedder.from_pretrained(f"{tmp_path}/new/model", device="cpu")
    np.testing.assert_array_equal(saved([SENTENCES[0]])[0], alone[0])


def test_random_weights_are_drawn_by_their_own_seed_alone(model_directory, alone) -> None:
    settings = EmbedderSettings(model=str(model_directory), weights="random")
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = settings.build().to("cpu")
    assert torch.equal(torch.get_rng_state(), state)  # an experiment's own draws do not move
    torch.manual_seed(4)
    again = settings.build(model_directory).to("cpu")
    np.testing.assert_array_equal(first([SENTENCES[0]])[0], again([SENTENCES[0]])[0])
    other = settings.model_copy(update={"random_seed": 1}).build().to("cpu")
    for vectors in (alone[0], other([SENTENCES[0]])[0]):
        assert np.abs(first([SENTENCES[0]])[0] - vectors).max() > 1e-2


def test_settings_reach_the_embedder(model_directory, tmp_path) -> None:
    settings = EmbedderSettings(model="gone", pooling="mean", precision="bf16")
    built = settings.build(model_directory)
    assert (built.pooling, built.precision) == ("mean", "bf16")
    plain = EmbedderSettings(model=str(model_directory)).build()
    assert (plain.pooling, plain.precision) == ("boundary", "fp32")
    assert plain.to("cpu").fingerprint == ElmoEmbedder.from_pretrained(model_directory, device="cpu").fingerprint


def test_save_and_load(embedder, alone, tmp_path) -> None:
    embedder.save(tmp_path / "saved")
    loaded = EmbedderSettings(model=str(tmp_path / "saved")).build().to("cpu")
    assert loaded.fingerprint == embedder.fingerprint
    np.testing.assert_array_equal(loaded([SENTENCES[0]])[0], alone[0])


def test_weights_are_saved_as_they_were_learnt(model_directory, embedder, tmp_path) -> None:
    ElmoEmbedder.from_pretrained(model_directory, device="cpu", precision="int8").save(tmp_path / "saved")
    assert ElmoEmbedder.from_pretrained(tmp_path / "saved", device="cpu").fingerprint == embedder.fingerprint


def test_changed_weights_are_seen(embedder, alone) -> None:
    with torch.no_grad():
        embedder.model.forward_stack.blocks[0].xlstm.proj_up.weight.mul_(1.5)
    changed = embedder([SENTENCES[0]])[0]
    assert np.abs(changed - alone[0])[:, 1:, :16].max() > 1e-3
    assert_same(changed[:, :, 16:], alone[0][:, :, 16:])


def test_tokenizer_of_another_model_is_refused(make_model, tiny_tokenizer, tmp_path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n")
    other = Tokenizer.Config(name=str(tmp_path / "vocab.txt"), lower_case=False).build()
    with pytest.raises(UserError, match="do not belong together: 5 pieces, but the model has 206"):
        ElmoEmbedder(make_model(tiny_tokenizer, seed=1), other)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_settings.json"])
def test_damaged_files(name, model_directory, tmp_path) -> None:
    copy = shutil.copytree(model_directory, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=str(copy)):
        ElmoEmbedder.from_pretrained(copy, device="cpu")


class TestFindModel:
    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch) -> None:
        def snapshot_download(*arguments, **options):
            pytest.fail(f"asked the hub for {arguments}")

        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)

    def test_directory_or_pretraining_run(self, model_directory, tmp_path, monkeypatch) -> None:
        run = tmp_path / "run"
        shutil.copytree(model_directory, run / "model")
        assert find_model(model_directory) == find_model(str(model_directory)) == model_directory
        assert find_model(run) == find_model(run / "model") == run / "model"
        monkeypatch.chdir(tmp_path)
        assert find_model("run") == Path("run/model")
        assert find_model("run/model") == Path("run/model")

    @pytest.mark.parametrize("name", ["runs/pretrain", "./a/b", "/nowhere/at/all", "missing", "a/b/c"])
    def test_missing_local_model(self, name, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError, match=rf"^{name}: no pretrained model there .*python cli.py pretrain"):
            find_model(name)

    def test_directory_without_weights(self, tmp_path) -> None:
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(UserError, match="looked for model.safetensors in it and in its model/"):
            find_model(tmp_path)

    def test_hub_name(self, model_directory, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: f"{model_directory}/../{name}")
        assert find_model("someone/bilm") == Path(f"{model_directory}/../someone/bilm")

    @pytest.mark.parametrize("error", [OSError("no network"), ValueError("bad name")])
    def test_hub_that_does_not_answer(self, error, tmp_path, monkeypatch) -> None:
        def snapshot_download(*arguments, **options):
            raise error

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        with pytest.raises(UserError, match=r"^someone/bilm: no such directory, and .* hub .*give a local model"):
            find_model("someone/bilm")


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(2, 50), max_size=30), budget=st.integers(1, 120))
def test_batches_keep_to_the_budget(lengths, budget) -> None:
    batches = token_budget_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
