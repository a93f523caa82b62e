"""What names and requests can be, for those who ask: no NumPy is loaded to know it."""

MAX_NAME_LENGTH = 100
"""The longest name that can be read, in characters as sent."""

COVERAGE = 0.9
"""How often the set of languages holds the true one, unless asked otherwise."""

COVERAGES = tuple(percent / 100 for percent in range(50, 100))
"""How often it can be asked to."""
