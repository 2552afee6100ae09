"""The body of a `speech.phrase`, simple and detailed.

The rule: without words there is no text at all; the SDK then reports NoMatch for some statuses and an error for others.
"""

from __future__ import annotations

from typing import Final

from pytest_rtmedload.embedded.speech.lines import lexical

SUCCESS: Final = "Success"
NO_MATCH: Final = "NoMatch"
LANGUAGE: Final = {"Language": "en-US"}
CONFIDENCE: Final = 0.95
"""A sound either is one of the known lines or is not, so the confidence is constant."""


def phrase_body(status: str, text: str, detailed: bool) -> dict[str, object]:
    """All fields except the position in the audio."""
    body: dict[str, object] = {"RecognitionStatus": status, "Channel": 0, "PrimaryLanguage": LANGUAGE}
    if status != SUCCESS:
        return body
    body["DisplayText"] = text
    if detailed:
        words = lexical(text)
        forms = {"Lexical": words, "ITN": words, "MaskedITN": words, "Display": text}
        body["NBest"] = [{"Confidence": CONFIDENCE, **forms}]
    return body
