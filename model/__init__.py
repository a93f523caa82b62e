"""The model: W, U, V, from names to probabilities. Knows nothing of the rooms around it."""
