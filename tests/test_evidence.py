import hashlib
from pathlib import Path

import numpy as np
import pytest

from model.artifact import ArtifactError, Language
from model.classifier import Classifier
from model.evidence import BLOCK, EVIDENCE, Evidence, Neighbourhood, describe, display
from model.text import normalise

ROWS = [("smith", "en", 3), ("o'neill", "ga", 2), ("smith", "sco", 1), ("müller", "de", 5)]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence.of((normalise(name), code, count) for name, code, count in ROWS)


def test_how_often_a_name_is_on_the_training_lists(evidence: Evidence) -> None:
    assert list(evidence.records("SMITH").items()) == [("en", 3), ("sco", 1)], "the most first"
    assert evidence.records("O’Neill") == {"ga": 2}, "spelled as a person types it"
    assert evidence.records("Smithe") == {}


def test_rows_of_one_name_and_language_add_up() -> None:
    assert Evidence.of([("li", "zh", 1), ("li", "zh", 2)]).records("li") == {"zh": 3}


def test_records_in_words(evidence: Evidence) -> None:
    languages = [Language("en", "English"), Language("sco", "Scots")]
    assert describe(evidence.records("smith"), languages) == "English ×3, Scots ×1"
    assert describe({}, languages) == ""


def test_save_then_load_gives_the_same_evidence(evidence: Evidence, tmp_path: Path) -> None:
    sha256 = evidence.save(tmp_path)
    assert sha256 == hashlib.sha256((tmp_path / EVIDENCE).read_bytes()).hexdigest()
    assert Evidence.load(tmp_path, sha256=sha256) == evidence


def test_the_order_of_rows_does_not_change_the_digest(evidence: Evidence) -> None:
    backwards = Evidence.of((normalise(name), code, n) for name, code, n in reversed(ROWS))
    assert backwards.sha256 == evidence.sha256


def test_evidence_of_another_model(evidence: Evidence, tmp_path: Path) -> None:
    evidence.save(tmp_path)
    with pytest.raises(ArtifactError, match=r"evidence\.json has SHA-256 .* expected 00ff"):
        Evidence.load(tmp_path, sha256="00ff")


def test_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"evidence\.json cannot be read: No such file"):
        Evidence.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b'{"smith": {"en"', b"\xff", b"[]", b'{"smith": 3}', b'{"smith": {"en": null}}']
)
def test_damaged_evidence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / EVIDENCE).write_bytes(content)
    with pytest.raises(ArtifactError, match="not evidence of a model"):
        Evidence.load(tmp_path)


def test_the_nearest_are_those_of_the_largest_cosine() -> None:
    random = np.random.default_rng(0)
    known = Evidence.of((f"known{i}", "en", 1) for i in range(300))
    embeddings = random.normal(size=(300, 8)).astype(np.float32)
    h = random.normal(size=(2 * BLOCK + 1, 8)).astype(np.float32)
    found = Neighbourhood(known, embeddings).nearest([f"new{i}" for i in range(len(h))], h, k=3)
    for row, neighbours in zip(h, found, strict=True):
        cosines = [float(row @ e / np.sqrt((row @ row) * (e @ e))) for e in embeddings]
        best = sorted(range(300), key=lambda i: -cosines[i])[:3]
        assert [n["name"] for n in neighbours] == [display(known.names[i]) for i in best]
        assert [n["similarity"] for n in neighbours] == pytest.approx([cosines[i] for i in best])


def test_a_known_name_leads_its_neighbours(artifact: Path) -> None:
    classifier = Classifier.load(artifact)
    # Neither character was learned, so the last two are the same symbols to the model.
    rows = [("kowalski", "pl", 1), ("tanaka", "ja", 1), ("丰", "zh", 1), ("卓", "zh", 2)]
    known = Evidence.of(rows)
    neighbourhood = Neighbourhood(known, classifier.embed(known.names))
    asked = ["KOWALSKI", "卓", "Kowalsky"]
    kowalski, han, unknown = neighbourhood.nearest(asked, classifier.embed(asked))
    assert kowalski[0] == {"name": "Kowalski", "similarity": 1.0, "languages": {"pl": 1}}
    assert han[0] == {"name": "卓", "similarity": 1.0, "languages": {"zh": 2}}
    assert han[1] == {"name": "丰", "similarity": pytest.approx(1), "languages": {"zh": 1}}
    assert unknown[0]["name"] == "Kowalski"
    assert unknown[0]["similarity"] < 0.9999


def test_fewer_known_names_than_asked_for() -> None:
    h = np.ones((2, 4), np.float32)
    one, none = Evidence.of([("li", "zh", 1)]), Evidence.of([])
    assert len(Neighbourhood(one, h[:1]).nearest(["a", "b"], h)[1]) == 1
    assert Neighbourhood(none, h[:0]).nearest(["a", "b"], h) == [[], []]
    assert Neighbourhood(one, h[:1]).nearest([], h[:0]) == []
    assert Neighbourhood(one, h[:1]).nearest(["a"], h[:1], 0) == [[]]


@pytest.mark.parametrize(
    "name",
    [
        "Kowalski",
        "O'Neill",
        "McDonald",
        "Ng'ang'a",
        "Smith-Jones",
        "Van der Berg",
        "De la Cruz",
        "Ó Briain",
        "Şahin",
        "İnönü",
        "Παπαδόπουλος",
        "Иванов",
        "გორგილაძე",
        "김",
        "田中",
    ],
)
def test_a_normalised_name_is_shown_as_people_write_it(name: str) -> None:
    assert display(normalise(name)) == name
