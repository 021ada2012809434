from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.tokenizer import Tokenizer


def pieces_of(tokenizer: Tokenizer, directory: Path, text: str) -> list[str]:
    tokenizer.save(directory)
    backend = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    return [backend.id_to_token(index) for index in tokenizer.encode_texts([text])[0]]


def word_level(directory: Path, vocabulary: list[str], normalizer: normalizers.Normalizer | None = None) -> str:
    backend = tokenizers.Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token=vocabulary[1]))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.enable_truncation(2)
    backend.enable_padding(length=7)
    path = directory / "tokenizer.json"
    backend.save(str(path))
    return str(path)


def test_vocabulary_file_gives_ids_by_line_and_wordpieces(tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2, 3)
    assert pieces_of(tokenizer, tmp_path, "rumahnya di Jakarta.") == ["rumah", "##nya", "di", "Jakarta", "."]
    assert max(tokenizer.encode_texts(["itu"])[0]) == tokenizer.vocab_size - 1


def test_special_tokens_spelt_out_in_a_text_are_ordinary_text(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_texts(["dia [SEP] [CLS] [PAD] pergi"])[0]
    assert not {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id} & set(ids)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=8))
def test_words_own_adjacent_runs_of_pieces_that_are_those_of_the_word_alone(
    tokenizer: Tokenizer, sentence: list[str]
) -> None:
    result = tokenizer.encode_words(sentence)
    assert len(result.first) == len(result.last) == len(sentence)
    assert result.first == [0, *(last + 1 for last in result.last)][: len(sentence)]
    assert (result.last[-1] + 1 if sentence else 0) == len(result.input_ids)
    for word, first, last in zip(sentence, result.first, result.last, strict=True):
        alone = tokenizer.encode_texts([word])[0] or [tokenizer.unk_id]
        assert result.input_ids[first : last + 1] == alone


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["makan", "Makan", "", "nasi goreng", "\u200b", "di"]), max_size=6), max_size=5)
)
def test_sentences_together_are_split_like_each_alone(tokenizer: Tokenizer, sentences: list[list[str]]) -> None:
    assert tokenizer.encode_sentences(sentences) == [tokenizer.encode_words(sentence) for sentence in sentences]


def test_a_word_that_comes_again_is_split_once(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    split: list[str] = []
    encode = tokenizer.encode_texts
    monkeypatch.setattr(tokenizer, "encode_texts", lambda texts: split.extend(texts) or encode(texts))
    tokenizer.encode_sentences([["makan", "nasi", "makan"], [], ["nasi", "dan"]])
    assert split == ["makan", "nasi", "dan"]


@pytest.mark.parametrize("word", ["", "\u200b", "\x00\x01", " "])
def test_word_without_a_piece_becomes_the_unknown_piece(tokenizer: Tokenizer, word: str) -> None:
    result = tokenizer.encode_words(["makan", word, "nasi"])
    assert result.first == [0, 1, 2] and result.last == [0, 1, 2]
    assert result.input_ids[1] == tokenizer.unk_id


def test_long_input_is_neither_truncated_nor_padded(tmp_path: Path) -> None:
    path = word_level(tmp_path, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "saya"])
    tokenizer = Tokenizer.Config(name=path, lower_case=False).build()
    assert tokenizer.encode_texts(["saya " * 5000, "saya"]) == [[4] * 5000, [4]]


def test_lower_case_is_what_is_set_whatever_berts_normaliser_says(vocabulary_file: Path, tmp_path: Path) -> None:
    cased, uncased = (
        Tokenizer.Config(name=str(vocabulary_file), lower_case=lower_case).build() for lower_case in (False, True)
    )
    assert pieces_of(cased, tmp_path / "a", "RUMAH") == ["R", "##U", "##M", "##A", "##H"]
    assert pieces_of(uncased, tmp_path / "b", "RUMAH") == ["rumah"]
    assert cased.fingerprint != uncased.fingerprint
    for lower_case, expected in ((True, uncased), (False, cased)):
        for saved in ("a", "b"):
            again = Tokenizer.Config(name=str(tmp_path / saved), lower_case=lower_case).build()
            assert again.encode_texts(["RUMAH Jakarta"]) == expected.encode_texts(["RUMAH Jakarta"])
            assert again.fingerprint == expected.fingerprint


def test_disagreement_about_casing_is_logged(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer.save(tmp_path)
    assert not caplog.records
    Tokenizer.Config(name=str(tmp_path), lower_case=True).build()
    assert "lower_case=True is used" in caplog.text


@pytest.mark.parametrize("normalizer", [None, normalizers.NFKC(), normalizers.Sequence([normalizers.Lowercase()])])
def test_lower_case_of_other_normalisers(tmp_path: Path, normalizer: normalizers.Normalizer | None) -> None:
    path = word_level(tmp_path, ["<pad>", "<unk>", "<s>", "</s>", "saya", "SAYA"], normalizer)
    encoded = {
        lower_case: Tokenizer.Config(name=path, lower_case=lower_case).build().encode_texts(["SAYA saya"])[0]
        for lower_case in (False, True)
    }
    assert encoded == {False: [5, 4], True: [4, 4]}


def test_accents_stay(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\ncafé\ncafe\n", encoding="utf-8")
    for lower_case in (False, True):
        assert Tokenizer.Config(name=str(path), lower_case=lower_case).build().encode_texts(["café"]) == [[4]]


def test_byte_level_words_have_the_pieces_they_have_inside_a_text(tmp_path: Path) -> None:
    vocabulary = {w: i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>", "a", "Ġ", "Ġa"])}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, [("Ġ", "a")], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.Config(name=str(tmp_path), lower_case=False).build()
    assert tokenizer.encode_words(["a", "a"]).input_ids == tokenizer.encode_texts(["a a"])[0] == [6, 6]
    assert (tokenizer.bos_id, tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id) == (0, 1, 2, 3)


def test_save_and_load_give_the_same_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "new" / "directory")
    loaded = Tokenizer.load(tmp_path / "new" / "directory")
    for copy in (loaded, pickle.loads(pickle.dumps(tokenizer))):
        assert copy.fingerprint == tokenizer.fingerprint and copy.lower_case is tokenizer.lower_case
        assert copy.encode_texts(["dia [SEP] pergi?"]) == tokenizer.encode_texts(["dia [SEP] pergi?"])
    assert sorted(path.name for path in (tmp_path / "new" / "directory").iterdir()) == [
        "tokenizer.json",
        "tokenizer_settings.json",
    ]


@pytest.mark.parametrize("spelling", ["ma\u00adkan", "makan\ufe0f", "ｍａｋａｎ", "makan\u200d", " makan\u3000"])
def test_words_are_cleaned_as_a_corpus_where_that_is_said(tokenizer: Tokenizer, tmp_path: Path, spelling: str) -> None:
    cleaning = pickle.loads(pickle.dumps(tokenizer))
    cleaning.fix_unicode = True
    cleaning.save(tmp_path)
    for copy in (cleaning, Tokenizer.load(tmp_path), pickle.loads(pickle.dumps(cleaning))):
        assert copy.encode_words([spelling]) == copy.encode_words(["makan"])
        assert copy.encode_texts([spelling]) == tokenizer.encode_texts([spelling])
    assert cleaning.fingerprint == tokenizer.fingerprint  # texts, and so corpora, are the same
    (tmp_path / "tokenizer_settings.json").write_text(
        json.dumps({"lower_case": False, "fingerprint": tokenizer.fingerprint, "fix_unicode": "yes"})
    )
    with pytest.raises(UserError, match="fix_unicode"):
        Tokenizer.load(tmp_path)


def test_words_of_older_tokenizers_stay_as_they_stand(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    assert "fix_unicode" not in json.loads((tmp_path / "tokenizer_settings.json").read_text())
    word = "ma\u0301kan"
    assert Tokenizer.load(tmp_path).encode_words([word]).input_ids == tokenizer.encode_texts([word])[0]


@pytest.mark.parametrize(
    "sentences", ["ab", ["ab"], [["a"], "b"], [["a", None]], [["a", 1]], [None], None, [b"ab"], [["a"], iter("b")]]
)
def test_what_is_no_list_of_words_is_a_type_error(tokenizer: Tokenizer, sentences) -> None:
    with pytest.raises(TypeError):
        tokenizer.encode_sentences(sentences)


def test_one_text_in_place_of_several_is_a_type_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TypeError):
        tokenizer.encode_texts("saya makan")
    with pytest.raises(TypeError):
        tokenizer.encode_words("saya")


def test_load_refuses_a_changed_or_incomplete_directory(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    definition = json.loads(path.read_text())
    definition["model"]["vocab"]["baru"] = tokenizer.vocab_size
    path.write_text(json.dumps(definition))
    with pytest.raises(UserError, match="tokenizer.json: has changed"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer_settings.json").unlink()
    with pytest.raises(UserError, match="tokenizer_settings.json"):
        Tokenizer.load(tmp_path)


def test_byte_level_pieces_with_one_special_token_as_gpt2_has_them(tmp_path: Path) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = {piece: index for index, piece in enumerate([*alphabet, "sa", "<|endoftext|>"])}
    gpt2 = tokenizers.Tokenizer(models.BPE(pieces, [("s", "a")]))
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.add_special_tokens(["<|endoftext|>"])
    gpt2.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.Config(name=str(tmp_path), lower_case=False).build()
    assert tokenizer.bos_id == tokenizer.eos_id == tokenizer.unk_id == tokenizer.pad_id == 257
    (ids,) = tokenizer.encode_texts(["Sasa \u2603 <|endoftext|>"])
    assert 256 in ids and 257 not in ids
    assert tokenizer.unknown_characters("Sasa \u2603 <|endoftext|>") == 0
    assert tokenizer.encode_words(["sa", ""]).input_ids[-1] == 257


def test_missing_special_tokens_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\nsaya\n")
    with pytest.raises(UserError, match=r"\[PAD\] or <pad>, \[SEP\] or </s>"):
        Tokenizer.Config(name=str(tmp_path), lower_case=False).build()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.txt", b"[PAD]\n[UNK]\nsaya\nsaya\n", r"vocab.txt:4: 'saya' was on line 3"),
        ("vocab.txt", b"[PAD]\nsaya\n", r"no line \[UNK\]"),
        ("vocab.txt", b"[PAD]\n\xff\n", r"not UTF-8"),
        ("tokenizer.json", b"{", r"no valid JSON"),
        ("tokenizer.json", b"{}", r"no tokenizer.json"),
        ("tokenizer.json", b'{"model": {"type": "Telepathy"}}', r"cannot be read as a tokenizer.json"),
    ],
)
def test_bad_files_are_refused_with_their_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        Tokenizer.Config(name=str(tmp_path / name), lower_case=False).build()


def test_windows_line_ends_and_byte_order_mark_are_no_part_of_pieces(vocabulary_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xef\xbb\xbf" + vocabulary_file.read_bytes().replace(b"\n", b"\r\n"))
    reference = Tokenizer.Config(name=str(vocabulary_file), lower_case=True).build()
    assert Tokenizer.Config(name=str(path), lower_case=True).build().fingerprint == reference.fingerprint


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "a/b/c", "vocab.txt", "~/nowhere-at-all"])
def test_missing_path_is_said_to_be_missing_without_asking_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmo_xlstm.text.tokenizer_definition._read_with_transformers", lambda *_: pytest.fail("asked"))
    with pytest.raises(UserError, match="no such file or directory"):
        Tokenizer.Config(name=name, lower_case=False).build()


class _Hub:
    def __init__(self, backend: tokenizers.Tokenizer | None) -> None:
        self.backend = backend
        self.asked: list[tuple[str, str]] = []

    def from_pretrained(self, name: str, revision: str, use_fast: bool, trust_remote_code: bool) -> object:
        self.asked.append((name, revision))
        if self.backend is None:
            raise OSError("We couldn't connect to the hub.\nCheck your connection.")
        return type("Loaded", (), {"backend_tokenizer": self.backend})()


def test_hub_name_is_loaded_with_its_revision(tokenizer: Tokenizer, tmp_path: Path, monkeypatch) -> None:
    tokenizer.save(tmp_path)
    hub = _Hub(tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json")))
    monkeypatch.setitem(__import__("sys").modules, "transformers", type("Module", (), {"AutoTokenizer": hub}))
    loaded = Tokenizer.Config(name="someone/model", revision="abc", lower_case=False).build()
    assert hub.asked == [("someone/model", "abc")]
    assert loaded.encode_texts(["dia makan nasi"]) == tokenizer.encode_texts(["dia makan nasi"])


def test_unreachable_hub_is_one_message_with_the_local_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", type("Module", (), {"AutoTokenizer": _Hub(None)}))
    with pytest.raises(UserError, match=r"someone/model.*couldn't connect.*vocab\.txt") as caught:
        Tokenizer.Config(name="someone/model", lower_case=False).build()
    assert "\n" not in str(caught.value)
