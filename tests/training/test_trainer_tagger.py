"""The trainer and a tagger together solve a small tagging task."""

import random
from pathlib import Path

import torch
from seqeval.metrics import f1_score

from elmo_xlstm.modules import BiLSTM, CharCNN, FeatureInputs, Sentence, Tagger, WordCollator, WordVectors
from elmo_xlstm.training import Trainer, seed_everything


def make_sentences(count: int, seed: int) -> list[Sentence]:
    """The word after "Pak" is a person; every word that begins with "Kota" is a place."""
    generator = random.Random(seed)
    sentences = []
    for _ in range(count):
        words, tags = [], []
        for _ in range(generator.randint(1, 4)):
            name = "".join(generator.choices("abdegiklmnoprtu", k=5))
            chosen = generator.randint(0, 2)
            words += [["Pak", name], ["Kota" + name], [name]][chosen]
            tags += [["O", "B-PER"], ["B-LOC"], ["O"]][chosen]
        sentences.append(Sentence(words, tags))
    return sentences


def test_small_task_is_solved(tmp_path: Path) -> None:
    deterministic = torch.are_deterministic_algorithms_enabled()
    seed_everything(0)
    torch.use_deterministic_algorithms(deterministic)
    train, held_out = make_sentences(150, 1), make_sentences(60, 2)
    config = Tagger.Config(
        characters=CharCNN.Config(dim=10, filters=16),
        words=WordVectors.Config(dim=12),
        encoder=BiLSTM.Config(hidden_size=16, output_dropout=0.2),
        dropout=0.1,
    )
    vocabularies = config.vocabularies([sentence.words for sentence in train])
    tagger = config.build(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], FeatureInputs(vocabularies=vocabularies))
    collate = WordCollator(tagger.scheme, *vocabularies)
    batch, gold = collate(held_out), [list(sentence.tags or ()) for sentence in held_out]

    def evaluate() -> dict[str, float]:
        return {"f1": float(f1_score(gold, [tagger.scheme.decode(ids) for ids in tagger.decode(batch)]))}

    trainer = Trainer.Config(epochs=15, batch_size=16, learning_rate=1e-2).build()
    history = trainer.fit(tagger, train, collate, lambda s: len(s.words), evaluate, "f1", tmp_path)
    assert history.best_value > 0.95
    assert evaluate()["f1"] == history.best_value
