import pytest

from model.artifact import Language
from pipeline.languages import fold, resolve


@pytest.mark.parametrize(
    ("label", "code", "name", "iso639_3"),
    [
        ("Polish", "pl", "Polish", "pol"),
        (" polish ", "pl", "Polish", "pol"),
        ("PL", "pl", "Polish", "pol"),
        ("pol", "pl", "Polish", "pol"),
        ("Deutsch", "de", "German", "deu"),
        ("Ελληνικά", "el", "Greek", "ell"),
        ("Chinese", "zh", "Chinese", "zho"),
        ("Mandarin", "zh", "Chinese", "zho"),
        ("cmn", "zh", "Chinese", "zho"),
        ("zh-Hant", "zh-Hant", "Chinese (Traditional)", "zho"),
        ("pt_br", "pt-BR", "Portuguese (Brazil)", "por"),
        ("Norwegian", "no", "Norwegian", "nor"),
        ("Bokmål", "nb", "Norwegian Bokmål", "nob"),
        ("Filipino", "fil", "Filipino", "fil"),
        ("Farsi", "fa", "Persian", "fas"),
        ("Bengali", "bn", "Bangla", "ben"),
    ],
)
def test_names_autonyms_and_codes_become_one_tag(
    label: str, code: str, name: str, iso639_3: str
) -> None:
    assert resolve(label) == Language(code, name, iso639_3)


@pytest.mark.parametrize(
    "label", ["Scottish", "Indian", "Slavic", "Elvish", "xx", "qaa", "und", "mul", "Clan 7", ""]
)
def test_a_label_that_no_library_knows_is_kept(label: str) -> None:
    assert resolve(f"  {label} ") == Language(label, label, None)


@pytest.mark.parametrize("label", ["Polish", "zh-Hant", "Bokmål", "Brazilian Portuguese", "sh"])
def test_a_language_s_code_and_name_lead_back_to_it(label: str) -> None:
    language = resolve(label)
    assert resolve(language.code) == resolve(language.name) == language


def test_labels_fold_by_case_and_spaces_only() -> None:
    assert fold(" Old  NORSE") == fold("old norse") != fold("old-norse")
