"""The work as Locust does it, in the words of its own documentation."""

from __future__ import annotations

import base64
import json
import os
import time

import gevent
from locust import FastHttpUser, HttpUser, User, constant, task
from websocket import create_connection

MESSAGE = "x" * 100


class Http(HttpUser):
    """The client of requests."""

    host = os.environ["PEERS_HTTP"]
    wait_time = constant(0)

    @task
    def health(self) -> None:
        self.client.get("/health")


class FastHttp(FastHttpUser):
    """The client of geventhttpclient."""

    host = os.environ["PEERS_HTTP"]
    wait_time = constant(0)

    @task
    def health(self) -> None:
        self.client.get("/health")


class Call(User):
    """A caller as one would write it with websocket-client: 50 frames a second, and a greenlet that listens."""

    wait_time = constant(0)

    def on_start(self) -> None:
        audio = base64.b64encode(bytes(640)).decode()
        data = {"timestamp": "2026-01-01T00:00:00.000Z", "participantRawID": "4:+15550100000", "data": audio}
        self.frame = json.dumps({"kind": "AudioData", "audioData": {**data, "silent": False}})
        self.socket = create_connection(os.environ["PEERS_WS"])
        self.listener = gevent.spawn(self.listen)
        self.due = time.perf_counter()

    def on_stop(self) -> None:
        self.listener.kill()
        self.socket.close()

    def listen(self) -> None:
        while True:
            base64.b64decode(json.loads(self.socket.recv())["audioData"]["data"])

    @task
    def speak(self) -> None:
        self.due += 0.02
        gevent.sleep(max(0.0, self.due - time.perf_counter()))
        self.socket.send(self.frame)


class WebSocket(User):
    """Locust has no WebSocket client of its own: websocket-client, its times reported as the documentation shows."""

    wait_time = constant(0)

    def on_start(self) -> None:
        self.socket = create_connection(os.environ["PEERS_WS"])

    def on_stop(self) -> None:
        self.socket.close()

    @task
    def ask(self) -> None:
        begin = time.perf_counter()
        self.socket.send(MESSAGE)
        answer = self.socket.recv()
        self.environment.events.request.fire(
            request_type="WS",
            name="echo",
            response_time=(time.perf_counter() - begin) * 1000,
            response_length=len(answer),
            exception=None if answer == MESSAGE else AssertionError(answer),
            context={},
        )
