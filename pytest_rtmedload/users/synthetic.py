"""Synthetic callers: data for test calls, of no real person.

Telephone numbers are from the range kept for fiction (555-0100 … 555-0199), names and ids say that they are synthetic,
and a row depends on nothing but its number, so every shard and every run has the same callers.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVEN = ("Avery", "Blake", "Casey", "Dana", "Ellis", "Finley", "Gray", "Harper", "Jules", "Kai", "Logan", "Morgan")
FAMILY = ("Synthetic", "Testcase", "Sample", "Example", "Placeholder", "Fixture")
LANGUAGES = ("en-US", "es-US", "fr-CA")


def row(number: int) -> Mapping[str, str]:
    """The caller with this number: `patient_id`, `name`, `phone`, `birth_date`, `language`, `insurance_id`."""
    source = random.Random(f"synthetic:{number}")
    birth = f"{source.randint(1935, 2007)}-{source.randint(1, 12):02d}-{source.randint(1, 28):02d}"
    return {
        "patient_id": f"synthetic-{number:06d}",
        "name": f"{source.choice(GIVEN)} {source.choice(FAMILY)}",
        "phone": f"+1{source.randint(201, 989)}55501{number % 100:02d}",
        "birth_date": birth,
        "language": source.choice(LANGUAGES),
        "insurance_id": f"SYN-{source.randrange(10**8):08d}",
    }
