import pkgutil
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files

import faker.providers.person
import pytest

from model.text import normalise
from pipeline.sources.builtin import BuiltinSource
from pipeline.sources.catalogue import catalogue
from pipeline.sources.protocol import DataError, Source
from pipeline.table import Record


@pytest.fixture(scope="module")
def everything() -> list[Record]:
    return list(BuiltinSource().records())


def names_of(records: Sequence[Record], language: str) -> set[str]:
    return {record.name for record in records if record.language == language}


def of(language: str, max_names: int | None = None) -> list[Record]:
    return list(BuiltinSource((language,), max_names).records())


def test_every_locale_of_both_packages_is_used_or_left_out_for_a_reason() -> None:
    lists = [names for entry in catalogue().languages.values() for names in entry.lists]
    excluded = catalogue().excluded
    for package, shipped in (
        ("faker", {m.name for m in pkgutil.iter_modules(faker.providers.person.__path__)}),
        (
            "mimesis",
            {
                locale.name
                for locale in files("mimesis").joinpath("datasets").iterdir()
                if locale.joinpath("person.json").is_file()
            },
        ),
    ):
        used = {getattr(names, package) for names in lists} - {""}
        assert used.isdisjoint(excluded[package])
        assert used | excluded[package].keys() == shipped


def test_every_exclusion_still_excludes_something() -> None:
    table = catalogue()
    unused = {key: set(names) for key, names in table.sets.items()}
    for entry in table.languages.values():
        for names in entry.lists:
            found = names.read().keys()
            assert names.drop | names.only <= found, names.source
            for key in names.without:
                unused[key] -= found
    assert not any(unused.values()), unused


def test_every_language_has_enough_names_and_none_too_many(everything: list[Record]) -> None:
    table = catalogue()
    base: dict[str, set[str]] = defaultdict(set)
    for record in everything:
        if not record.variant_of:
            base[record.language].add(normalise(record.name))
    assert base.keys() == table.languages.keys()
    few = {language for language, names in base.items() if len(names) < table.minimum_names}
    assert few == table.kept_anyway
    assert max(map(len, base.values())) == table.max_names


@pytest.mark.parametrize(
    ("language", "there", "not_there"),
    [
        ("es", {"García"}, {"Doe", "Name"}),
        ("pl", {"Kowalski", "Kowalska", "Nowak"}, {"Doe", "skabińska"}),
        ("is", {"Jónsson", "Jónsdóttir"}, {"Jóns", "Doe"}),
        ("et", {"Tamm"}, {"Pavlov", "Maradona"}),
        ("en", {"Smith", "Johnson"}, {"Garcia", "Nguyen", "Patel", "Wiza"}),
        ("da", {"Jørgensen", "Jorgensen", "Joergensen"}, {"JÃ¸rgensen", "TRUE"}),
        ("sv", {"Andersson"}, {"Namn", "Ahmed"}),
        ("ar", {"المنصوري", "Belkacem"}, {"ال المنصوري", "عجرمة (العجارمة)"}),
        ("th", {"Chomsri"}, set()),
        ("ga", {"Ó Dálaigh", "Donnellan"}, set()),
        ("hu", {"Nagy", "Domokos"}, {"Domokos (name)", "Beethoven"}),
        ("nl", {"de Vries"}, {"Bourgondië, van", "VI", "The Elder"}),
        ("el", {"Παπαδόπουλος", "Papadopoulos"}, set()),
        ("ja", {"田中", "Tanaka"}, set()),
        ("ru", {"Иванов", "Ivanov"}, set()),
        ("ko", {"김", "Kim"}, set()),
    ],
)
def test_traps_of_the_lists(
    everything: list[Record], language: str, there: set[str], not_there: set[str]
) -> None:
    names = names_of(everything, language)
    assert there <= names
    assert names.isdisjoint(not_there)


def test_names_are_in_one_script_and_carry_no_junk(everything: list[Record]) -> None:
    for record in everything:
        assert record.name == record.name.strip()
        assert not any(character in "0123456789?()/,_Ã" for character in record.name)
        assert len(normalise(record.name)) > 1 or not record.name.isascii()


def test_weights_of_a_list_add_up_to_one_and_variants_weigh_as_much_as_their_name() -> None:
    records = of("ja")  # no list of it reaches the cap
    for source in ("Faker ja_JP", "mimesis ja"):
        natives = {r.name: r.weight for r in records if r.source == source and not r.variant_of}
        assert sum(natives.values()) == pytest.approx(1)
        variants: dict[str, float] = defaultdict(float)
        for record in records:
            if record.source == source and record.variant_of:
                variants[record.variant_of] += record.weight
        assert variants == pytest.approx({name: natives[name] for name in variants})


def test_faker_knows_which_names_are_common() -> None:
    weights = {record.name: record.weight for record in of("sv") if record.source == "Faker sv_SE"}
    assert weights["Andersson"] > 10 * weights["Thulin"] > 0


@pytest.mark.parametrize(
    ("language", "feminine", "masculine"),
    [
        ("ru", "Смирнова", "Смирнов"),
        ("pl", "Kowalska", "Kowalski"),
        ("cs", "Nováková", "Novák"),
        ("cs", "Kučerová", "Kučera"),
        ("sk", "Lišková", "Liška"),
        ("is", "Jónsdóttir", "Jónsson"),
        ("el", "Ηλιάδη", "Ηλιάδης"),
        ("kk", "Мұқан қызы", "Мұқан ұлы"),
        ("az", "Yusifqızı", "Yusifoğlu"),
    ],
)
def test_a_feminine_form_points_at_the_masculine_one(
    everything: list[Record], language: str, feminine: str, masculine: str
) -> None:
    forms = {r.variant_of for r in everything if (r.name, r.language) == (feminine, language)}
    assert forms == {masculine}


def test_a_romanized_feminine_form_leads_to_the_masculine_one_in_steps(
    everything: list[Record],
) -> None:
    above = {record.name: record.variant_of for record in everything if record.language == "ru"}
    assert above["Smirnova"] == "Смирнова"
    assert above["Смирнова"] == "Смирнов"
    assert above["Смирнов"] == ""


def test_the_cap_keeps_common_names_and_no_alphabetical_head() -> None:
    names = [record.name for record in of("hr", max_names=100) if not record.variant_of]
    distinct = {normalise(name) for name in names}
    assert len(distinct) == 100
    assert {name[0] for name in distinct} >= set("bkmpsv")
    assert "Smith" in names_of(of("en", max_names=10), "en")


def test_the_same_records_come_in_the_same_order_each_time() -> None:
    source = BuiltinSource(("hu", "de"))
    once = list(source.records())
    reported = source.dropped
    assert list(source.records()) == once
    assert source.dropped == reported
    assert [r.language for r in once] == sorted((r.language for r in once), reverse=True)


def test_what_is_left_out_is_counted_by_reason() -> None:
    source = BuiltinSource(("da",))
    list(source.records())
    assert source.dropped.count["not a surname of the language"] == 8  # TRUE and seven mojibakes
    assert source.dropped.count["a surname of another language"] > 10


def test_the_fingerprint_follows_the_parameters() -> None:
    prints = {
        BuiltinSource().fingerprint(),
        BuiltinSource(("de",)).fingerprint(),
        BuiltinSource(("de",), max_names=10).fingerprint(),
    }
    assert len(prints) == 3
    assert all(len(one) == 64 for one in prints)
    assert BuiltinSource(("de",)).fingerprint() in prints


def test_provenance_names_versions_and_licences() -> None:
    source: Source = BuiltinSource()
    origins = {origin.name: origin for origin in source.provenance()}
    assert origins.keys() >= {"Faker", "mimesis", "uroman", "sudachidict_core", "anyascii"}
    assert all(origin.version and origin.licence != "unknown" for origin in origins.values())


def test_an_unknown_language_and_a_cap_of_none_are_refused() -> None:
    with pytest.raises(DataError, match=r"\['tlh'\].*'ar', 'az'"):
        BuiltinSource(("de", "tlh"))
    with pytest.raises(DataError, match="max_names is 0; expected 1 or more"):
        BuiltinSource(max_names=0)
