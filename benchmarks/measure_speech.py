"""Prints how late final results reach the Speech SDK, at 50 recognitions at a time in one process (run as a script).

One thread paces the audio of all in real time, as a load generator would. The delay of a result is measured from when
the service says it sent the phrase, so it is what the SDK and this process cost; both run on one machine and one clock.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import azure.cognitiveservices.speech as sdk
import httpx2
import numpy as np
import psutil

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.services import Service

SESSIONS = 50
SECONDS = 30.0
PIECE_MS = 20
PIECE = 32 * PIECE_MS
PAUSE = bytes(32 * 1500)
MS = 1_000_000
MUST_REACH_MS = 50


class Session:
    """A caller who says one line after another, and when the results came."""

    def __init__(self, config: sdk.SpeechConfig, seed: int) -> None:
        self.sound = spoken(seed)
        self.arrived: dict[str, int] = {}
        """Id of a phrase → when its result was here."""
        self.stream = sdk.audio.PushAudioInputStream()
        self.recognizer = sdk.SpeechRecognizer(config, sdk.audio.AudioConfig(stream=self.stream))
        self.recognizer.recognized.connect(self._recognized)
        self.recognizer.start_continuous_recognition_async().get()

    def _recognized(self, event: Any) -> None:
        now = time.perf_counter_ns()
        body = json.loads(event.result.properties[sdk.PropertyId.SpeechServiceResponse_JsonResult])
        self.arrived[body["Id"]] = now


def spoken(seed: int) -> bytes:
    """Lines in an order of the caller's own, begun at a time of its own, the last one complete before the end."""
    lines = [clip(name).pcm for name in names("patient")]
    random.Random(seed).shuffle(lines)
    sound = bytes(PIECE * (seed % (len(PAUSE) // PIECE)))
    for line in lines:
        if len(sound) + len(line) + len(PAUSE) > SECONDS * 32_000:
            break
        sound += line + PAUSE
    return sound


def pace(sessions: list[Session], seconds: float) -> float:
    """Write everybody's audio in real time; returns the worst lateness in milliseconds."""
    begun, worst = time.perf_counter(), 0.0
    for step in range(int(seconds * 1000 / PIECE_MS)):
        late = time.perf_counter() - begun - step * PIECE_MS / 1000
        if late < 0:
            time.sleep(-late)
        worst = max(worst, late)
        for session in sessions:
            session.stream.write(session.sound[step * PIECE : (step + 1) * PIECE].ljust(PIECE, b"\0"))
    return worst * 1000


def told(name: str, values: list[float]) -> float:
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    print(f"{name:48} n = {len(values):5}  p50 {p50:7.1f}  p95 {p95:7.1f}  p99 {p99:7.1f} ms")
    return float(p95)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(service: Service) -> bool:
    address = urlsplit(service["url"])
    config = sdk.SpeechConfig(host=f"ws://{address.netloc}", subscription=service["key"])
    sessions = [Session(config, seed) for seed in range(SESSIONS)]
    processes = {"generator": psutil.Process(), "service": psutil.Process(service["pid"])}
    before = {name: cpu_s(process) for name, process in processes.items()}
    lateness: list[float] = []
    pacer = threading.Thread(target=lambda: lateness.append(pace(sessions, SECONDS)))
    pacer.start()
    pacer.join()
    for name, process in processes.items():
        used, memory = (cpu_s(process) - before[name]) / SECONDS, process.memory_info().rss >> 20
        print(f"{name:10} {used:6.1%} of a core, {memory} MB")
    print(f"the pacer was late by {lateness[0]:.1f} ms at worst")
    for session in sessions:
        session.stream.close()
        session.recognizer.stop_continuous_recognition_async().get()
    truth = httpx2.get(f"{service['url']}/_truth", trust_env=False).json()
    return report(truth["phrases"], {key: at for session in sessions for key, at in session.arrived.items()})


def report(phrases: list[dict[str, Any]], arrived: dict[str, int]) -> bool:
    matched = [phrase for phrase in phrases if phrase["id"] in arrived]
    known = sum(phrase["status"] == "Success" for phrase in phrases)
    print(f"{len(phrases)} phrases, {known} recognised, {len(matched)} received")
    told("last voiced sample received → phrase sent", [(p["phrase_ns"] - p["last_voiced_ns"]) / MS for p in matched])
    told("phrase later than its model", [(p["phrase_ns"] - p["heard_ns"] - p["drawn_ns"]) / MS for p in matched])
    p95 = told("phrase sent → result in the application", [(arrived[p["id"]] - p["phrase_ns"]) / MS for p in matched])
    reached = p95 <= MUST_REACH_MS and len(matched) == len(phrases)
    print(f"p95 within {MUST_REACH_MS} ms, nothing lost: {'yes' if reached else 'NO'}")
    return reached


def main() -> int:
    print(sys.version.split()[0], f"{SESSIONS} sessions, {SECONDS:g} s, load", psutil.getloadavg())
    with Supervised.launch(EmbeddedSettings.parse()) as running:
        return 0 if measure(running.service("speech")) else 1


if __name__ == "__main__":
    sys.exit(main())
