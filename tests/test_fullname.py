import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.fullname import family_name
from model.text import normalise

CASES = """
Anna Kowalska | Kowalska
Kowalska | Kowalska
Kowalska, Anna | Kowalska
de la Cruz, Juan | de la Cruz
García Márquez, Gabriel | García Márquez
Kowalska，Anna | Kowalska
Martin Luther King, Jr. | King
King, Jr. | King
King, Martin Luther, Jr. | King
King Jr., Martin Luther | King
Dr. Smith, John | Smith
John Smith, | Smith
, John Smith | Smith
Dr. Martin Luther King Jr. | King
Prof Dr Eva Braun PhD | Braun
Mrs. Jane Doe | Doe
William Gates III | Gates
William Gates, Ph.D. | Gates
Naosuke Ii | Ii
Jr. | Jr.
KIM Min-jun | KIM
Min-jun KIM | KIM
Anna DE LA CRUZ | DE LA CRUZ
DE LA CRUZ Anna | DE LA CRUZ
Charles de GAULLE | de GAULLE
McDONALD Ronald | McDONALD
Jeanne d'ARC | d'ARC
GARCÍA LÓPEZ María | GARCÍA LÓPEZ
J.R.R. TOLKIEN | TOLKIEN
JOHN F. KENNEDY | KENNEDY
ANNA KOWALSKA | KOWALSKA
SMITH J. | SMITH
ИВАНОВ Иван | ИВАНОВ
Smith J. | Smith
Harry S Truman | Truman
Jean-Luc Godard | Godard
山田 太郎 | 山田
山田　太郎 | 山田
山田, 太郎 | 山田
山田太郎 | 山田
佐藤さくら | 佐藤
林あかり | 林
佐々木希 | 佐々木
長谷川京子 | 長谷川
つるの剛士 | つるの
井ノ上奈々 | 井ノ上
さだまさし | さだまさし
アルベルト・アインシュタイン | アインシュタイン
毛泽东 | 毛
李白 | 李
李 | 李
欧阳娜娜 | 欧阳
诸葛亮 | 诸葛
司馬 遷 | 司馬
阿尔伯特·爱因斯坦 | 爱因斯坦
김민준 | 김
김 민준 | 김
김구 | 김
김 | 김
남궁민수 | 남궁
황보 관 | 황보
아인슈타인 | 아인슈타인
Nguyễn Văn An | Nguyễn
NGUYỄN VĂN AN | NGUYỄN
An Nguyễn | Nguyễn
Nguyễn | Nguyễn
Lê Thị Hồng | Lê
Ludwig van Beethoven | van Beethoven
Van Morrison | Morrison
van Gogh | van Gogh
Vincent Van Gogh | Van Gogh
Van der Berg | Van der Berg
Rembrandt van der Berg | van der Berg
Ben Van Dyke | Van Dyke
Leonardo da Vinci | da Vinci
Osama bin Laden | bin Laden
Bashar al-Assad | al-Assad
Bashar al- Assad | al- Assad
Shaquille O’ Neal | O’ Neal
Shaquille O'Neal | O'Neal
Seán Ó Briain | Ó Briain
Gerard 't Hooft | 't Hooft
Angela af Ugglas | af Ugglas
Gabriel García Márquez | Márquez
José Ortega y Gasset | Gasset
"""


def pairs(cases: str) -> list[tuple[str, str]]:
    lines = (line.rpartition(" | ") for line in cases.strip().splitlines())
    return [(full, family) for full, _, family in lines]


@pytest.mark.parametrize(("full", "family"), pairs(CASES))
def test_the_family_name(full: str, family: str) -> None:
    assert family_name(full) == family


@pytest.mark.parametrize(("full", "family"), pairs(CASES))
def test_edges_do_not_matter(full: str, family: str) -> None:
    assert family_name(f"\u200b \t{full}\u202c \ufeff\n") == family


@pytest.mark.parametrize(
    "full", ["남궁민수", "김민준", "Nguyễn Văn An", "がばい剛士", "Seán Ó Briain"]
)
def test_letters_that_were_sent_in_pieces_stay_in_pieces(full: str) -> None:
    pieces = unicodedata.normalize("NFD", full)
    assert pieces != full
    assert family_name(pieces) == unicodedata.normalize("NFD", family_name(full))


@pytest.mark.parametrize("full", ["", "  ", "\u200b \ufeff", "\ud800"])
def test_nothing_to_read(full: str) -> None:
    with pytest.raises(ValueError, match="without a readable character; expected at least one"):
        family_name(full)


WORDS = st.sampled_from(
    [word for full, _ in pairs(CASES) for word in full.split()] + [",", "-", "\u200b", "van", "Dr."]
)


@given(st.text() | st.lists(WORDS).map(" ".join))
def test_a_part_of_what_was_sent_and_never_nothing(full: str) -> None:
    if not normalise(full):
        return
    family = family_name(full)
    assert normalise(family)
    sent = full.split()
    assert all(any(word in whole for whole in sent) for word in family.split())
    assert any(map(str.isalnum, family)) == any(map(str.isalnum, full))


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll"]), min_size=1))
def test_a_single_word_in_an_alphabet_is_itself(word: str) -> None:
    assert family_name(word) == word
