"""From tables and a model to what says "I don't know"."""

from pathlib import Path

import numpy as np
import pytest

from model.artifact import load
from model.classifier import Classifier
from model.text import normalise
from pipeline.calibrate import Calibration, calibrate
from pipeline.table import NameTable

SEEN = {
    "el": "Papadopoulos Pappas Nikolaidis Georgiou Παπαδόπουλος Γεωργίου Vlachos Oikonomou",
    "ja": "Tanaka Suzuki Takahashi Watanabe 田中 鈴木 高橋 佐藤 Nakamura Kobayashi",
    "pl": "Kowalski Nowak Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński",
    "ru": "Ivanov Smirnov Иванов Кузнецов Petrov Попов Васильев Соколов",
}
UNSEEN = {
    "el": "Papanikolaou Georgopoulos Vlachakis Nikolopoulos",
    "pl": "Nowakowski Kowalewski Zielewski Wiśniak",
    "ru": "Ivanenko Смирницкий Иваненко Петров",
    "xx": "Nguyen",
}


def table(names: dict[str, str]) -> NameTable:
    pairs = [(normalise(n), code) for code, listed in names.items() for n in listed.split()]
    ones = np.ones(len(pairs), np.int64)
    return NameTable(
        [name for name, _ in pairs],
        [code for _, code in pairs],
        ones,
        ones.astype(float),
        np.arange(len(pairs)),
    )


@pytest.fixture(scope="module")
def classifier(artifact: Path) -> Classifier:
    return Classifier.load(artifact)


@pytest.fixture(scope="module")
def calibration(classifier: Classifier) -> Calibration:
    return calibrate(classifier, table(SEEN), table(UNSEEN))


def test_noise_is_less_familiar_than_names(
    classifier: Classifier, calibration: Calibration
) -> None:
    names = ["papanikolaou", "kowalewski", "xqzvw", "zzzzzzz"]
    shares = calibration.familiarity.of(names).familiarity
    assert shares[:2].min() > 0.1 > shares[2:].max()


def test_rows_of_unknown_languages_take_no_part_in_the_sets(
    classifier: Classifier, calibration: Calibration
) -> None:
    known = {code: names for code, names in UNSEEN.items() if code != "xx"}
    without = calibrate(classifier, table(SEEN), table(known))
    assert without.conformal == calibration.conformal
    assert np.sum(without.confusion) == np.sum(calibration.confusion)


def test_every_language_has_a_group_even_without_validation_names(
    classifier: Classifier, calibration: Calibration
) -> None:
    assert "ja" not in UNSEEN
    assert len(calibration.conformal.groups) == len(classifier.languages)


def test_nothing_to_calibrate_on_says_nothing_it_cannot_know(classifier: Classifier) -> None:
    empty = calibrate(classifier, table(SEEN), table({}))
    assert not empty.familiarity.scales
    assert empty.conformal.sets(classifier.probabilities(["Nowak"])).all()
    assert empty.confusion == ((0,) * 4,) * 4


def test_the_confusion_counts_the_answers_that_are_not_unknown(classifier: Classifier) -> None:
    """Of strings that look like no name, the answer counts for nothing."""
    plain = table(UNSEEN | {"ru": UNSEEN["ru"] + " Смирнова"})
    odd = table(UNSEEN | {"ru": UNSEEN["ru"] + " Смирnova"})
    names = [name for name, code in zip(plain.name, plain.language, strict=True) if code == "ru"]
    answers = classifier.probabilities(names).argmax(axis=1)
    expected = calibrate(classifier, table(SEEN), plain).confusion[3]
    assert sum(expected) == len(names) == 5
    assert list(expected) == np.bincount(answers, minlength=4).tolist()
    assert sum(calibrate(classifier, table(SEEN), odd).confusion[3]) == 4


def test_the_confusion_travels_with_the_model(artifact: Path) -> None:
    counts = load(artifact).confusion
    assert counts
    assert np.shape(counts) == (4, 4)
    assert np.trace(counts) > np.sum(counts) / 2
