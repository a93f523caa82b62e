"""A small but real model, trained once per test session, and a store that it is promoted in."""

from dataclasses import replace
from pathlib import Path

from pipeline.process import settle

settle()  # before torch is loaded, as the command line does

# ruff: noqa: E402
import numpy as np
import pytest
from hypothesis import settings

from model import smoke, tally
from model.artifact import Artifact, Language, save
from model.classifier import Classifier
from model.evidence import Evidence
from model.text import normalise
from model.vocabulary import Vocabulary
from pipeline import store
from pipeline.batches import Examples
from pipeline.calibrate import calibrate
from pipeline.recipe import Recipe
from pipeline.table import NameTable
from pipeline.train import train

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("untimed")

LANGUAGES = (
    Language("el", "Greek", "ell"),
    Language("ja", "Japanese", "jpn"),
    Language("pl", "Polish", "pol"),
    Language("ru", "Russian", "rus"),
)
NAMES = {
    "el": "Papadopoulos Pappas Nikolaidis Georgiou Παπαδόπουλος Γεωργίου Vlachos Oikonomou Makris",
    "ja": "Tanaka Suzuki Takahashi Watanabe 田中 鈴木 高橋 佐藤 Nakamura Kobayashi Yamamoto Saito",
    "pl": "Kowalski Nowak Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański",
    "ru": "Ivanov Smirnov Иванов Кузнецов Petrov Попов Васильев Соколов Morozov Volkov",
}


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model that knows 4 languages by a few names each."""
    codes = [language.code for language in LANGUAGES]
    pairs = [(normalise(name), code) for code in codes for name in NAMES[code].split()]
    targets = np.array([[code == c for c in codes] for _, code in pairs], np.float32)
    examples = Examples([name for name, _ in pairs], targets)
    vocabulary = Vocabulary.fit(examples.names, min_count=1)
    recipe = Recipe(hidden=32, batch=8, epochs=15, learning_rate=0.01)
    trained = train(examples, examples, vocabulary, recipe, device="cpu")
    directory = tmp_path_factory.mktemp("model") / "artifact"
    counts = {code: len(NAMES[code].split()) for code in codes}
    data = {
        "sha256": "",
        "origins": [{"name": "test", "version": "1", "licence": "MIT", "note": ""}],
        "rows": {"train": len(pairs)},
        "languages": {code: {"names": n, "records": n} for code, n in counts.items()},
    }
    model = Artifact(trained.W, trained.U, trained.V, vocabulary, LANGUAGES, data=data)
    one = np.ones(len(pairs))
    table = NameTable(
        [name for name, _ in pairs],
        [code for _, code in pairs],
        one.astype(np.int64),
        one,
        np.arange(len(pairs)),
    )
    evidence = Evidence.of((name, code, 1) for name, code in pairs)
    calibration = calibrate(Classifier(model), table, table)
    whole = replace(
        model,
        **calibration._asdict(),
        evidence_sha256=evidence.sha256,
        smoke=smoke.answers(Classifier(model)),
    )
    whole = replace(whole, reference=tally.reference(Classifier(whole), table.name))
    save(whole, directory)
    evidence.save(directory)
    return directory


@pytest.fixture
def home(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BENTOML_HOME of the test's own, with the small model published and promoted."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))
    return tmp_path


@pytest.fixture(scope="module")
def served_home(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `home`, for all tests of a file: for a service that is started once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(folder))
        store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))
    return folder
