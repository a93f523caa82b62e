import pytest
from faker.providers.person.ja_JP import Provider as JapaneseOfFaker
from faker.providers.person.zh_CN import Provider as ChineseOfFaker
from faker.providers.person.zh_TW import Provider as TaiwaneseOfFaker

from pipeline.romanize import romanize


@pytest.mark.parametrize(
    ("language", "name", "spellings"),
    [
        ("ru", "Иванов", ["Ivanov"]),
        ("ru", "Достоевский", ["Dostoyevsky", "Dostoevskiy"]),
        ("ru", "Семёнов", ["Semyonov", "Semenov"]),
        ("uk", "Демʼяненко", ["Demyanenko"]),
        ("uk", "Гайдай", ["Haidai", "Gaidai"]),
        ("kk", "Жұмабаев", ["Zhumabaev", "Zhumabayev"]),
        ("el", "Παπαδόπουλος", ["Papadopoulos"]),
        ("el", "Ευαγγέλου", ["Evangelou"]),
        ("el", "Χατζηδάκης", ["Chatzidakis", "Hatzidakis"]),
        ("hy", "Ծատուրյան", ["Tsaturyan", "Tsaturian"]),
        ("ka", "მჭედლიშვილი", ["Mchedlishvili"]),
        ("or", "ବେହେରା", ["Behera"]),
        ("ja", "小林", ["Kobayashi"]),
        ("ja", "大野", ["Ono", "Ohno", "Oono"]),
        ("ja", "井上", ["Inoue"]),
        ("ja", "東海林", ["Shoji", "Shohji", "Shouji"]),
        ("zh", "单", ["Shan"]),
        ("zh", "谢", ["Xie", "Hsieh", "Tse", "Chia"]),
        ("zh", "欧阳", ["Ouyang", "Au Yeung"]),
        ("ko", "박", ["Park", "Bak", "Pak"]),
        ("ko", "남궁", ["Namgung", "Namkoong"]),
        ("de", "Groß-Müller", ["Gross-Mueller"]),
        ("no", "Ødegård", ["Oedegaard", "Odegard"]),
        ("pl", "Wałęsa", ["Walęsa"]),
    ],
)
def test_spellings_that_people_send(language: str, name: str, spellings: list[str]) -> None:
    assert romanize(name, language) == spellings


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("pl", "Nowak"),  # spelled in one way
        ("zh", "Xue"),  # romanized already
        ("ar", "العباسي"),  # abjads stay in their own script
        ("he", "כהן"),
        ("th", "ทองดี"),
        ("ko", "속"),  # a syllable that is nobody's surname
        ("ja", "圷"),  # a reading that the dictionary does not know
        ("ja", "奥"),
        ("xx", "Иванов"),  # a language without an entry
        ("ru", ""),
    ],
)
def test_nothing_is_made_up(language: str, name: str) -> None:
    assert romanize(name, language) == []


def test_japanese_agrees_with_the_readings_that_faker_ships() -> None:
    pairs = JapaneseOfFaker.last_name_pairs
    assert len(pairs) == 50
    for kanji, _kana, latin in pairs:
        assert latin in romanize(kanji, "ja"), kanji


def test_pinyin_and_wade_giles_cover_the_lists_that_faker_ships() -> None:
    characters = [*ChineseOfFaker.last_names, *TaiwaneseOfFaker.last_names]
    ours = {latin for name in characters for latin in romanize(name, "zh")}
    assert set(ChineseOfFaker.last_romanized_names) <= ours
    wade_giles = {latin.title() for latin in TaiwaneseOfFaker.last_romanized_names}
    assert wade_giles - ours == {"I"}  # a single letter is no use to anyone
