import json
import math
import unicodedata

import pytest

from model.text import normalise
from pipeline.clean import clean, why_not
from pipeline.clean_report import CleanReport
from pipeline.sources.protocol import DataError, Dropped
from pipeline.table import NameTable, Record

PLAIN = [
    Record("Nowak", "Polish"),
    Record("Wójcik", "Polish"),
    Record("Svensson", "sv"),
    Record("Åkesson", "sv"),
]


def cleaned(*records: Record, min_names: int = 1) -> tuple[NameTable, CleanReport]:
    """The records among a few plain ones of two languages, cleaned."""
    return clean([*PLAIN, *records], min_names=min_names)


def rows(table: NameTable) -> dict[tuple[str, str], tuple[int, float]]:
    """(name, language) → (count, weight), names composed to be readable."""
    names = [unicodedata.normalize("NFC", name) for name in table.name]
    columns = zip(table.count.tolist(), table.weight.tolist(), strict=True)
    return dict(zip(zip(names, table.language, strict=True), columns, strict=True))


def group(table: NameTable, name: str) -> int:
    return int(table.group[table.name.index(name)])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" \u200b ", "empty"),
        ("...", "empty"),
        ("Now\x00ak", "control characters"),
        ("Nowak\tPolish", "control characters"),
        ("N\ufffdwak", "undecodable characters"),
        ("nowak@example.org", "web or e-mail address"),
        ("https://example.org/nowak", "web or e-mail address"),
        ("Nowak2", "digits"),
        ("Nowak٣", "digits"),
        ("N" * 65, "longer than 64 symbols"),
        ("--", "no letter"),
        ("<Nowak>", "symbols that no name has"),
        ("Nowak, Jan", "symbols that no name has"),
        ("Nowak/Nowakowa", "symbols that no name has"),
        ("To The First Page", "a phrase, not a name"),
        ("Click here for more", "a phrase, not a name"),
    ],
)
def test_what_is_no_name_is_left_out_and_counted(name: str, reason: str) -> None:
    table, report = cleaned(Record(name, "Polish", source="list.csv"))
    assert len(table) == len(PLAIN)
    assert report.dropped == {"list.csv": Dropped({reason: 1}, {reason: [1]})}


@pytest.mark.parametrize(
    "name",
    [
        "Nowak",
        "O’Neill",
        "de la Cruz y García",
        "von und zu der Tann",
        "Puig-Antich",
        "Ó Súilleabháin",
        "Nguyễn",
        "王",
        "佐々木",
        "オコナー",
        "Παπαδόπουλος",
        "ابن خلدون",
        "דהאן",
        "ณ ระนอง",
        "김",
        "Gal·la",
    ],
)
def test_real_names_pass(name: str) -> None:
    assert why_not(name, normalise(name)) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("Kowal", "  "), "no language"),
        (Record("Kowal", "pl", 0.0), "weight not above 0"),
        (Record("Kowal", "pl", -1.0), "weight not above 0"),
        (Record("Kowal", "pl", math.nan), "weight not above 0"),
        (Record("Kowal", "pl", math.inf), "weight not above 0"),
    ],
)
def test_a_row_without_language_or_weight_is_left_out(record: Record, reason: str) -> None:
    assert cleaned(record)[1].dropped[""].count == {reason: 1}


def test_row_numbers_count_each_source_for_itself_and_stop_at_ten() -> None:
    good, bad = Record("Kowal", "pl", source="a"), Record("7", "pl", source="a")
    _, report = cleaned(good, bad, Record("8", "pl", source="b"), *[bad] * 20)
    assert report.dropped["a"] == Dropped({"digits": 21}, {"digits": list(range(2, 12))})
    assert report.dropped["b"].first_rows == {"digits": [1]}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("JÃ¸rgensen", "jørgensen"),
        ("DvoÅ™Ã¡k", "dvořák"),
        ("O&#39;Neill", "o'neill"),
        ("M&uuml;ller", "müller"),
    ],
)
def test_wrong_encodings_and_html_are_repaired_and_counted(given: str, meant: str) -> None:
    table, report = cleaned(Record(given, "da"))
    assert (meant, "da") in rows(table)
    assert report.repaired[""].count == {"encoding or HTML repaired": 1}


@pytest.mark.parametrize(
    "name", ["Åse", "Núñez", "Gonçalves", "Đặng", "Łukasz", "Ãlvarez", "Иванов"]
)
def test_names_that_are_right_are_not_repaired(name: str) -> None:
    table, report = cleaned(Record(name, "da"))
    assert (unicodedata.normalize("NFC", name.casefold()), "da") in rows(table)
    assert report.repaired == {}


def test_stray_punctuation_at_the_ends_goes() -> None:
    assert ("lytkin", "ru") in rows(cleaned(Record(" Lytkin, ", "ru"))[0])


def test_duplicates_merge_whatever_their_spelling_or_label() -> None:
    table, report = cleaned(
        Record("NOWAK ", "pl"), Record("nowak", "POL"), Record("Nowak", "polski")
    )
    assert rows(table)["nowak", "pl"][0] == 4
    assert (report.rows, report.records, report.pairs) == (7, 7, 4)


def test_a_name_keeps_all_its_languages() -> None:
    table, report = cleaned(Record("Nowak", "de"), Record("NOWAK", "Czech"))
    assert [code for name, code in rows(table) if name == "nowak"] == ["cs", "de", "pl"]
    assert report.multi_language == 1
    assert report.names == 4


def test_labels_of_the_user_s_own_unite_by_case_and_spaces() -> None:
    table, _ = cleaned(Record("Baird", "Scottish"), Record("Bell", " scottish"))
    assert {code for _, code in rows(table)} == {"Scottish", "pl", "sv"}


def test_weights_add_up_to_one_for_each_source_and_language() -> None:
    table, _ = cleaned(
        Record("Kowal", "pl", 30, source="registry"),
        Record("Nowak", "pl", 10, source="registry"),
        Record("Lis", "pl", source="list"),
    )
    weights = {name: weight for (name, code), (_, weight) in rows(table).items() if code == "pl"}
    assert weights == pytest.approx({"kowal": 0.75, "lis": 1, "nowak": 0.5 + 0.25, "wójcik": 0.5})


def test_the_table_does_not_depend_on_the_order_of_records() -> None:
    records = [*PLAIN, Record("Nowak", "de"), Record("Novak", "cs", variant_of="Nowak")]
    forward, backward = (clean(r, min_names=1)[0] for r in (records, records[::-1]))
    assert (forward.name, forward.language) == (backward.name, backward.language)
    assert forward.group.tolist() == backward.group.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Record("Nowak", "pl"), Record("nowak", "de")),
        (Record("Иванов", "ru"), Record("Ivanov", "en")),
        (Record("O'Neill", "ga"), Record("Oneill", "en")),
        (Record("Müller", "de"), Record("Muller", "fr")),
        (Record("Kim", "ko"), Record("김", "ko", variant_of="Kim")),
        (Record("小林", "ja"), Record("Kobayashi", "ja", variant_of="小林")),
        (Record("Kowalska", "pl", variant_of="Kowalski"), Record("KOWALSKI", "pl")),
    ],
)
def test_spellings_of_one_name_share_a_group(one: Record, other: Record) -> None:
    table, _ = cleaned(one, other)
    assert group(table, normalise(one.name)) == group(table, normalise(other.name))
    assert group(table, normalise(one.name)) != group(table, "svensson")


def test_variants_are_linked_through_an_original_that_is_no_row() -> None:
    table, report = cleaned(
        Record("Kobayashi", "ja", variant_of="小林"), Record("Obayashi", "ja", variant_of="小林")
    )
    assert group(table, "kobayashi") == group(table, "obayashi")
    assert (report.groups, report.largest_group) == (5, 2)
    assert report.largest_group_share == pytest.approx(2 / 6)


def test_a_language_with_too_few_names_is_left_out_and_told() -> None:
    table, report = cleaned(Record("Garcia", "es"), Record("García", "es"), min_names=2)
    assert set(report.languages) == {"es", "pl", "sv"}, "an accent makes another name"
    table, report = cleaned(Record("Garcia", "es"), Record("GARCIA", "es"), min_names=2)
    assert set(table.language) == {"pl", "sv"}
    assert report.too_few == {"es": (1, 2)}
    assert report.rows == report.records + 2


def test_the_report_reads_well_holds_no_name_and_fits_json() -> None:
    _, report = clean(
        [*PLAIN, Record("Qwerty123", "pl", source="a|b.csv"), Record("Zorro", "es")],
        min_names=2,
        unreadable={"a|b.csv": Dropped({"a missing column": 3}, {"a missing column": [4, 5, 9]})},
        notes=["a|b.csv: cp1250"],
    )
    text = report.markdown()
    for line in (
        "| records read | 6 |",
        "| Polish | pl | 2 | 2 |",
        "| Spanish | es | 1 | 1 |",
        r"| a\|b.csv | digits | 1 | 1 |",
        r"| a\|b.csv | a missing column | 3 | 4, 5, 9 |",
        "- a|b.csv: cp1250",
    ):
        assert line in text.splitlines()
    as_json = json.dumps(report.to_dict())
    assert json.loads(as_json)["languages"]["pl"] == {"names": 2, "records": 2}
    assert not any(name in (text + as_json).casefold() for name in ("nowak", "qwerty", "zorro"))


def test_nothing_sensible_left_is_an_error_with_the_counts() -> None:
    records = [Record("Nowak", "pl"), Record("Kowal", "pl"), Record("Lis", "sv"), Record("9", "sv")]
    with pytest.raises(DataError) as caught:
        clean(records, min_names=2)
    assert str(caught.value) == (
        "1 language(s) with 2 names or more in 4 records; expected at least 2. "
        "Left out: digits: 1; sv: 1 names"
    )
    with pytest.raises(DataError, match=r"0 language\(s\) .* in 0 records; .* nothing"):
        clean([], min_names=1)
