"""How an instrumentation is told to record what was said. Text for a reader; `tracen run` sets what is off."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """Where a setting stands: the program's environment, a file of settings that it reads, or its source."""

    ENVIRONMENT = "environment"
    CONFIGURATION = "configuration"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class CaptureSwitch:
    """`setting` is what to set, literally. `note` says, in a sentence, what else there is to know."""

    setting: str
    where: Where = Where.ENVIRONMENT
    note: str = ""


ON_UNLESS_OFF = "On unless it is switched off."
"""Content is recorded by default, so somebody or something switched it off."""
