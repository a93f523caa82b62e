"""Why a row gets no answer: it is kept, with one of these as its reason."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with a row."""

    NO_NAME = "no_name"
    """The cell is empty, or the row lacks it."""
    NOT_TEXT = "not_text"
    """The value is a number, an object or the like."""
    NOT_UTF8 = "not_utf8"
    """The cell's bytes are not of the encoding that the file is said to have."""
    WRONG_NUMBER_OF_FIELDS = "wrong_number_of_fields"
    """The row has more or fewer fields than there are titles."""
    NOT_JSON = "not_json"
    """The line is no JSON object."""
    TOO_LONG = "too_long"
    """The text has more characters than a name can have."""
    NOTHING_READABLE = "nothing_readable"
    """Nothing is left of the text after normalisation."""
