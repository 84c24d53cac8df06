"""Callers behind a simple balancer: it asks every API whether it is ready and keeps connections to those that are."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

ASK_EVERY_S = 0.1
PACE_S = 0.15


@dataclass
class Balancer:
    """``urls`` of the APIs, ``ready`` of them get requests."""

    urls: tuple[str, ...]
    token: str
    ready: frozenset[str] = frozenset()
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.stopped.wait(ASK_EVERY_S):
                self.ready = frozenset(url for url in self.urls if _is_ready(client, url))

    def send(self, messages: list[bytes], callers: int) -> list[int]:
        """Each message once, by one of ``callers`` at a steady pace; the status of each answer. No request is made twice."""
        turns = itertools.count()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

        def call(part: list[bytes]) -> list[int]:
            with httpx.Client(timeout=30, headers=headers) as client:
                return [self._post(client, message, next(turns)) for message in part]

        parts = [messages[number::callers] for number in range(callers)]
        with ThreadPoolExecutor(callers) as threads:
            return [status for statuses in threads.map(call, parts) for status in statuses]

    def _post(self, client: httpx.Client, message: bytes, turn: int) -> int:
        time.sleep(PACE_S)
        while not (ready := sorted(self.ready)):
            time.sleep(ASK_EVERY_S)
        return client.post(f"{ready[turn % len(ready)]}/v1/messages", content=message).status_code


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
