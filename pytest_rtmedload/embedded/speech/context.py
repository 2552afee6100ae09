"""The client's options for a turn of recognition, read from its path, its query and its `speech.context`.

The rule: unknown options are ignored, as by the real service; a value of the wrong type counts as not given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INITIAL_SILENCE_MS: Final = 5_000
"""How long `recognize_once` waits for speech unless the client sets it: the real service's default."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """How a turn is to be recognised."""

    once: bool = False
    """One phrase, then the turn ends."""
    detailed: bool = False
    """Results carry `NBest`."""
    segmentation_ms: int | None = None
    """The silence that ends a phrase; None is the service's own."""
    initial_silence_ms: int = INITIAL_SILENCE_MS

    @classmethod
    def of_url(cls, url: str) -> Self:
        """The options in a request's path and query; the context takes precedence."""
        parts = urlsplit(url)
        query = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(
            once="/interactive/" in parts.path.lower(),
            detailed=query.get("format") == "detailed",
            segmentation_ms=_milliseconds(query.get("endsilencetimeoutms")),
            initial_silence_ms=_milliseconds(query.get("initialsilencetimeoutms")) or INITIAL_SILENCE_MS,
        )

    def updated(self, context: Mapping[str, Any]) -> Self:
        """These options, updated by a `speech.context`."""
        detection = _object(context.get("phraseDetection"))
        mode = detection.get("mode")
        silences = [*_segmentations(detection), detection.get("trailingSilenceTimeout"), self.segmentation_ms]
        return replace(
            self,
            once=mode.lower() == "interactive" if isinstance(mode, str) else self.once,
            detailed=self.detailed or _object(context.get("phraseOutput")).get("format") == "Detailed",
            segmentation_ms=next(filter(None, map(_milliseconds, silences)), None),
            initial_silence_ms=_milliseconds(detection.get("initialSilenceTimeout")) or self.initial_silence_ms,
        )


def _segmentations(detection: Mapping[str, Any]) -> Iterator[object]:
    """The custom segmentation silence of any mode: the SDK puts it under the mode's name."""
    for value in (detection, *map(_object, detection.values())):
        segmentation = _object(value.get("segmentation"))
        if segmentation.get("mode", "Custom") == "Custom" and "segmentationSilenceTimeoutMs" in segmentation:
            yield segmentation["segmentationSilenceTimeoutMs"]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _milliseconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isdecimal():
        return None
    return int(value) or None
