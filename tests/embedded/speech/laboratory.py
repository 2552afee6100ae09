"""Speech services and the unmodified SDK as tests see them: what the SDK's blocking calls do, within own deadlines."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import azure.cognitiveservices.speech as sdk
import httpx2

from pytest_rtmedload.embedded.serving import listen
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.speech.lines import SpeechLines
from pytest_rtmedload.embedded.speech.server import SpeechService
from pytest_rtmedload.embedded.speech.settings import SpeechSettings

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

KEY = "the-key-of-the-laboratory"
FAST = ("speech.final=2ms", "speech.tts_first_byte=2ms", "speech.segmentation=200ms", "speech.tts_rtf=0.01")
SEED = 7
DEADLINE_S = 10.0
SILENCE = bytes(32_000)
"""One second."""


@dataclass(frozen=True)
class Speech:
    """Where a service is, and how the SDK is told."""

    port: int
    key: str = KEY

    def config(self, form: str = "host", key: str | None = None) -> sdk.SpeechConfig:
        return sdk.SpeechConfig(**{form: f"ws://127.0.0.1:{self.port}"}, subscription=key or self.key)

    def truth(self, since: int = 0) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/_truth?since={since}"
        body: dict[str, Any] = httpx2.get(url, trust_env=False).raise_for_status().json()
        return body


class Laboratory:
    """Many services on the event loop of one thread: a process for each fault would take longer than the fault."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.lines = SpeechLines()
        self.lines.warm_up()

    @contextmanager
    def serving(self, *pairs: str) -> Iterator[Speech]:
        """A service, gone with all its connections after the block: what the SDK still waits for fails then."""
        stack = AsyncExitStack()
        try:
            yield self._do(self._serve(stack, EmbeddedSettings.parse([*FAST, *pairs], SEED)))
        finally:
            self._do(stack.aclose())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _serve(self, stack: AsyncExitStack, settings: EmbeddedSettings) -> Speech:
        service = SpeechService(settings.part(SpeechSettings), settings.seed, KEY, self.lines)
        listener = stack.enter_context(listen(0))
        await stack.enter_async_context(service.serving(listener))
        return Speech(listener.getsockname()[1])


class Talker:
    """Writes sound into a push stream as a caller would, in pieces of 100 ms, then silence until it is told to stop."""

    PIECE = 3200

    def __init__(self, stream: Any, sound: bytes, speed: float = 1.0) -> None:
        self._stream = stream
        self._sound = sound
        self._pace_s = 0.1 / speed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _talk(self) -> None:
        due = time.monotonic()
        for begin in itertools.count(0, self.PIECE):
            self._stream.write(self._sound[begin : begin + self.PIECE].ljust(self.PIECE, b"\0"))
            due += self._pace_s
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return


class Listener:
    """A continuous recognition of a push stream, and everything it reports."""

    def __init__(self, config: sdk.SpeechConfig) -> None:
        self.partials: list[Any] = []
        self.reports: queue.Queue[Any] = queue.Queue()
        """Final results and cancellations, in their order."""
        self.disconnected: list[Any] = []
        self.stream = sdk.audio.PushAudioInputStream()
        self.recognizer = sdk.SpeechRecognizer(config, sdk.audio.AudioConfig(stream=self.stream))
        self.connection = sdk.Connection.from_recognizer(self.recognizer)
        self._connect(self.partials, self.reports)
        self.connection.disconnected.connect(self.disconnected.append)
        within(DEADLINE_S, lambda: self.recognizer.start_continuous_recognition_async().get())

    def _connect(self, partials: list[Any], reports: queue.Queue[Any]) -> None:
        # The callbacks do not know `self`: a recognizer freed by the garbage collector would block it for 10 s.
        self.recognizer.recognizing.connect(lambda event: partials.append(event.result))
        self.recognizer.recognized.connect(lambda event: reports.put(event.result))
        self.recognizer.canceled.connect(lambda event: reports.put(event.cancellation_details))

    def report(self) -> Any:
        return self.reports.get(timeout=DEADLINE_S)

    def end(self) -> Any:
        """Close the audio and wait for the cancellation that ends it."""
        self.stream.close()
        return self.report()


def recognise_once(config: sdk.SpeechConfig, pcm: bytes) -> Any:
    """The result of `recognize_once` for audio that is there at once."""
    stream = sdk.audio.PushAudioInputStream()
    recognizer = sdk.SpeechRecognizer(config, sdk.audio.AudioConfig(stream=stream))
    stream.write(pcm)
    stream.close()
    return within(DEADLINE_S, recognizer.recognize_once)


def speak(config: sdk.SpeechConfig, text: str, patience_s: float = DEADLINE_S) -> Any:
    """The result of synthesising a text."""
    synthesizer = sdk.SpeechSynthesizer(config, None)
    return within(patience_s, lambda: synthesizer.speak_text(text))


def within(seconds: float, call: Any) -> Any:
    """What a blocking call returns; TimeoutError when it takes longer (its thread is left to end by itself)."""
    answer: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=lambda: answer.put(call()), daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def now() -> int:
    return time.perf_counter_ns()
