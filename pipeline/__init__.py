"""The way from data to a trusted model: ingest, clean, split, train, judge, publish."""
