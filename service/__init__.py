"""The model over HTTP. Imports bentoml and what of `model` runs without torch."""
