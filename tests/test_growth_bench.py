"""The bench of growth: its data is what it says, and every stage has a row."""

from made_up import table_of

from bench.augment import Augmented
from bench.growth import Plan, measure
from pipeline.recipe import Recipe

ENDINGS = {"el": "poulos", "pl": "czyk", "ru": "ov"}
TABLE = table_of(ENDINGS, "abdegiklmnoprstuvz", 180)


def test_the_data_grows_by_names_of_the_same_languages() -> None:
    records = list(Augmented(TABLE, 4).records())
    assert [record.name for record in records[:180]] == list(TABLE.name)
    assert len(records) == 4 * 180
    made = [record for record in records[180:] if record.name.endswith(ENDINGS[record.language])]
    assert len(made) > 0.7 * 3 * 180, "the rest is misspelt"
    assert len({record.name for record in records}) > 2 * 180
    assert list(Augmented(TABLE, 4).records()) == records
    assert Augmented(TABLE, 4).fingerprint() != Augmented(TABLE, 5).fingerprint()


def test_every_stage_has_its_time_and_memory() -> None:
    recipe = Recipe(hidden=8, batch=16, ngrams=2, teachers=0)
    [table] = measure(TABLE, Plan(times=(3,), steps=2, recipe=recipe))
    stages = ["ingest", "clean", "split", "vocabulary", "ids", "training"]
    assert [row["stage"] for row in table.rows] == stages
    assert table.rows[0]["names"] == table.rows[1]["names"] == 3 * 180
    assert table.rows[5]["names"] == 2 * 16
    assert all(float(row["s"]) > 0 for row in table.rows)
    assert table.text().startswith("Growth, 3 times the data")
