"""What a model's test names would come to in a population of other languages.

How familiar names look, and how often they are unknown or in a letter never seen, depends on their
language: a service that is asked about German names alone is further from the sum of all test names
than drift is, while nothing is wrong. So its window is held against German test names.
"""

from collections.abc import Mapping

from model.tally import FEATURES, Tally

Shares = dict[str, float]


def standardise(reference: Mapping[str, Tally], languages: Mapping[str, float]) -> Tally:
    """The reference (language → counts) as if its languages were these (language → names).

    This is direct standardisation, as of death rates: each name of language c weighs W_c / n_c,
    with n_c the test names of c and W_c the share of c that is asked for. The result adds up to the
    number of names that the estimate is worth, 1 / Σ W_c² / n_c (Kish, Survey Sampling, 1965), all
    of them where the languages are the reference's own. Its own `languages` are the reference's.
    """
    n = {code: sum(own["verdicts"].values()) for code, own in reference.items()}
    told = {code: sum(own["languages"].values()) for code, own in reference.items()}
    W = _shares(n, told, languages)
    worth = 1 / sum(W[code] ** 2 / n[code] for code in W)
    counts: dict[str, dict[str, float]] = {feature: {} for feature in FEATURES}
    for code, own in reference.items():
        for feature in FEATURES:
            for label, count in own[feature].items():
                standing = count * worth * W[code] / n[code]
                counts[feature][label] = counts[feature].get(label, 0.0) + standing
    return {**counts, "languages": told}


def _shares(n: Shares, told: Shares, languages: Mapping[str, float]) -> Shares:
    """W_c, from the names of each language whose verdict is not unknown, in test and as asked for.

    Unknown names have no language, so c's are made up for by what share of its test names were
    unknown. A language that no test name was answered with is taken to be as all together, and so
    is everything where nothing is asked for.
    """
    asked = {code: languages.get(code, 0) * n[code] / told[code] if told[code] else 0 for code in n}
    elsewhere = sum(names for code, names in languages.items() if not told.get(code))
    if not sum(asked.values()):
        elsewhere = 1
    total, whole = sum(n.values()), sum(asked.values()) + elsewhere
    return {code: (asked[code] + elsewhere * n[code] / total) / whole for code in n}
