"""Examples of requests and answers, as the OpenAPI description shows them."""

from typing import Any

from service.answers import TAG

KOWALSKI = {
    "name": "Kowalski",
    "verdict": "confident",
    "reason": "one_language",
    "set": ["pl"],
    "languages": [{"code": "pl", "language": "Polish", "probability": 0.998479}],
}
KOWALSKA = {**KOWALSKI, "name": "Kowalska", "full_name": "Anna Maria Kowalska"}

REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/classify": {
        "a name": {"name": "Kowalski", "top_k": 1},
        "a full name": {"full_name": "Anna Maria Kowalska", "threshold": 0.05},
        "with what is known beforehand": {
            "name": "Kim",
            "prior": {"pl": 3, "ru": 1, "*": 1},
            "coverage": 0.95,
        },
    },
    "/v1/classify_batch": {"names": {"names": ["Kowalski", "Иванов", ""], "top_k": 1}},
    "/v1/explain": {"a name": {"name": "Kowalski", "top_k": 1, "neighbours": 1}},
    "/v1/embed": {"names": {"names": ["Kowalski"]}},
    "/v1/composition": {
        "names": {"names": ["Kowalski", "Nowak", "Ivanov", "Smirnov"], "confidence": 0.9}
    },
}

ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/classify": {
        "a name": {"model": TAG, **KOWALSKI},
        "a full name": {"model": TAG, **KOWALSKA},
    },
    "/v1/classify_batch": {
        "names, one of which is empty": {
            "model": TAG,
            "results": [
                KOWALSKI,
                {
                    "name": "",
                    "error": {"field": "names[1]", "value": "", "expected": "at least one letter"},
                },
            ],
        }
    },
    "/v1/explain": {
        "a name, its trace cut short": {
            "model": TAG,
            **KOWALSKI,
            "familiarity": 0.74,
            "on_lists": {"pl": 2},
            "nearest": [{"name": "Kowalski", "similarity": 1.0, "languages": {"pl": 2}}],
            "trace": [
                {
                    "symbol": "k",
                    "grams": [{"text": "k", "push": [{"code": "cs", "logit": 0.78}]}],
                    "languages": [{"code": "zh", "language": "Chinese", "probability": 0.19248}],
                }
            ],
        }
    },
    "/v1/embed": {
        "a name, its embedding cut short": {
            "model": TAG,
            "dimensions": 256,
            "results": [{"name": "Kowalski", "embedding": [0.12345, -0.98765]}],
        }
    },
    "/v1/composition": {
        "names": {
            "model": TAG,
            "confidence": 0.9,
            "names": 4,
            "unknown": 0,
            "unreadable": 0,
            "languages": [
                {
                    "code": "pl",
                    "language": "Polish",
                    "share": 0.5,
                    "low": 0.0,
                    "high": 0.8,
                    "answered": 0.5,
                }
            ],
        }
    },
    "/v1/languages": {
        "one of them": {
            "model": TAG,
            "languages": [
                {
                    "code": "pl",
                    "language": "Polish",
                    "iso639_3": "pol",
                    "names": 4183,
                    "test": {"n": 424, "precision": 0.94, "recall": 0.95, "f1": 0.945},
                }
            ],
            "groups": {"Slavic": ["pl"]},
        }
    },
    "/v1/models": {
        "one of them": {
            "model": TAG,
            "models": [
                {
                    "model": TAG,
                    "created": "2026-11-25T04:49:52+00:00",
                    "status": "accepted",
                    "promoted": True,
                }
            ],
        }
    },
}
