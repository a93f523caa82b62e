"""What the caller knows beforehand: the languages that can be, and how likely each is.

Shapes: N names, C languages.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact, Language

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

REST, EACH = "*", "each"
"""Keys of a prior that stand for the languages that no other key names: for all of them together,
and for each of them."""

# BCP-47 tags; "pt" stands for "pt-BR" too. "scottish" is a label that no tag has.
GROUPS: Mapping[str, frozenset[str]] = {
    name: frozenset(codes.split())
    for name, codes in {
        "Baltic": "lt lv",
        "Balkan": "bg bs el hr mk ro sl sq sr",
        "Benelux": "fr fy lb nl",
        "British Isles": "cy en ga gd gv kw sco scottish",
        "Caucasus": "az hy ka",
        "Celtic": "br cy ga gd gv kw",
        "Central Asia": "kk ky tg tk ug uz",
        "Central Europe": "cs de hu pl sk sl",
        "East Asian": "ja ko mn yue zh",
        "Eastern Europe": "be bg cs hu pl ro ru sk uk",
        "Finnic": "et fi",
        "German-speaking": "de gsw",
        "Germanic": "af da de en fo fy is lb nb nl nn no sv",
        "Iberian": "ca es eu gl pt",
        "Middle East": "ar fa he ku tr",
        "Nordic": "da fi fo is nb nn no se sv",
        "Romance": "ca es fr gl it pt ro",
        "Scandinavian": "da nb nn no sv",
        "Slavic": "be bg bs cs hr mk pl ru sk sl sr uk",
        "South Asian": "bn gu hi kn ml mr ne or pa si ta te ur",
        "South-East Asian": "fil id jv km lo ms my su th tl vi",
        "Sub-Saharan Africa": "am ha ig rw so sw xh yo zu",
        "Turkic": "az kk ky tk tr tt ug uz",
    }.items()
}
"""Regions and families of languages, by the name that a caller gives."""


@dataclass(frozen=True, eq=False)  # one is itself and no other, so that it can be a key
class Context:
    """A prior of the caller's beside the one that the model learned.

    A model that gives p(c|x) was trained where language c had the share q(c). Bayes' rule says
    p(c|x) ∝ p(x|c) q(c), so p(c|x) / q(c) is, up to a factor of the name alone, the likelihood
    p(x|c): what a name tells about its language wherever it is met. Where c has the share r(c),
    the posterior is therefore

        p'(c|x) ∝ p(c|x) r(c) / q(c)

    (Saerens, Latinne and Decaestecker, Adjusting the Outputs of a Classifier to New a Priori
    Probabilities, Neural Computation 14, 2002, equation 2.4). Multiplying by r alone would count
    the training lists' shares as if they were facts about the caller's people. It holds as far as
    the names of a language are alike there and here, and the model's probabilities are calibrated.
    """

    prior: Doubles
    """(C,) r, adds up to 1; 0 for a language that cannot be."""
    training_prior: Doubles
    """(C,) q, adds up to 1, above 0 everywhere."""

    def __post_init__(self) -> None:
        if self.prior.shape != self.training_prior.shape:
            raise ValueError(
                f"a prior of {self.prior.size} languages; the model has {self.training_prior.size}"
            )
        if not (self.training_prior > 0).all():
            raise ValueError("a language's share in training is not above 0")

    @classmethod
    def of(
        cls,
        languages: Sequence[Language],
        training_prior: Doubles,
        *,
        only: Collection[str] | None = None,
        prior: Mapping[str, float] | None = None,
    ) -> Self:
        """The context that a caller describes, for a model of these `languages` (C).

        `only` names the languages that can be; None allows all. `prior` maps names to weights on
        any scale, and gives languages that it does not name nothing, unless `REST` ("*") or `EACH`
        is one of its keys. Both take a language's code, ISO 639-3 code or English name, or a group
        of `GROUPS`, whatever the case. The weight of a group, as that of `REST`, is shared among
        its languages as in training, so within it the model's judgement stays as it is; a language
        that is named twice, say by itself and in a group, gets both. `EACH` is every unnamed
        language's own weight: {"each": 1} is a world in which all languages are as frequent.
        `training_prior` (C,) holds what is proportional to each language's share in training.

        Raises:
            ValueError: a name that the model does not know, an empty subset, a weight that is
                negative or not finite, or nothing left that has weight.
        """
        q = np.asarray(training_prior, np.float64)
        q = q / q.sum()
        r = q if prior is None else _mixture(prior, languages, q)
        if only is not None:
            if not only:
                raise ValueError("an empty subset of languages; expected at least one")
            allowed = np.zeros(len(q), bool)
            allowed[[c for name in only for c in _members(name, languages)]] = True
            r = np.where(allowed, r, 0.0)
        if not r.sum() > 0:
            raise ValueError("no language has any weight; expected one above 0 among those allowed")
        return cls(r / r.sum(), q)

    def adjust(self, probabilities: Floats) -> Floats:
        """(N, C) the model's probabilities in this context; rows add up to 1.

        Where the model gives no probability at all to any language that can be, the answer is the
        prior: the name says nothing about them.
        """
        p = probabilities * (self.prior / self.training_prior)  # (N, C), in double precision
        mass = p.sum(axis=1, keepdims=True)
        silent = mass == 0
        adjusted = np.where(silent, self.prior, p / np.where(silent, 1.0, mass))
        return adjusted.astype(np.float32)


def training_prior(model: Artifact) -> Doubles:
    """(C,) the prior that a model learned: each language's share of the names that it counts.

    Models of before whose targets were freed in part of these shares say so (`relief` in the
    record): theirs are evened out by as much. A loss that weighs languages otherwise learns another
    prior, which `Context.of` should then be given.

    Raises:
        ValueError: the record does not count a language's names.
    """
    counts = model.data.get("languages", {})
    missing = [language.code for language in model.languages if language.code not in counts]
    if missing:
        raise ValueError(f"the model's record does not count the names of {', '.join(missing)}")
    names = np.array([counts[language.code]["names"] for language in model.languages], np.float64)
    weights = (names / names.sum()) ** (1 - model.training.get("relief", 0.0))
    return np.asarray(weights / weights.sum())


def _mixture(prior: Mapping[str, float], languages: Sequence[Language], q: Doubles) -> Doubles:
    """(C,) the weights of a prior, each shared among the languages of its key as in training."""
    weights = np.zeros(len(q))
    named: set[int] = set()
    others = {REST: 0.0, EACH: 0.0}
    for name, weight in prior.items():
        if not 0 <= weight < np.inf:
            raise ValueError(f"the prior of {name!r} is {weight}; expected a number from 0 up")
        key = name.strip().casefold()
        if key in others:
            others[key] += weight
        else:
            members = _members(name, languages)
            named.update(members)
            weights[members] += weight * q[members] / q[members].sum()
    rest = [c for c in range(len(q)) if c not in named]
    if rest:
        weights[rest] += others[REST] * q[rest] / q[rest].sum() + others[EACH]
    return weights


def _members(name: str, languages: Sequence[Language]) -> list[int]:
    """The classes that a code, a language's name or a group's name means."""
    wanted = name.strip().casefold()
    found = [c for c, language in enumerate(languages) if wanted in _keys(language)]
    if found:
        return found
    group = next((codes for title, codes in GROUPS.items() if title.casefold() == wanted), None)
    if group is None:
        raise ValueError(f"unknown language or group {name!r}; {_nearest(name, languages)}")
    found = [c for c, lang in enumerate(languages) if lang.code.casefold().split("-")[0] in group]
    if not found:
        raise ValueError(f"the model knows no language of {name!r}: {', '.join(sorted(group))}")
    return found


def _keys(language: Language) -> set[str]:
    return {key.casefold() for key in (language.code, language.name, language.iso639_3) if key}


def _nearest(name: str, languages: Sequence[Language]) -> str:
    """What a wrong name may have meant, for a message."""
    codes = [language.code for language in languages]
    titles = {key.casefold(): key for key in (*codes, *(lang.name for lang in languages), *GROUPS)}
    close = get_close_matches(name.strip().casefold(), titles, n=4, cutoff=0.5)
    if close:
        return f"the nearest known: {', '.join(titles[key] for key in close)}"
    return f"expected one of {', '.join(codes)}, or a group: {', '.join(GROUPS)}"
