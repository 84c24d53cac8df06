"""Feeders: send every fact until the platform says that it holds it, however often the door is shut in their face."""

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

BATCH_MAX = 40
PATIENCE_S = 900.0
TAKEN = frozenset({"accepted", "duplicate"})


@dataclass
class Feeder:
    """``share``: how much of the load has been taken, for the conductor's timing."""

    api: str
    tokens: list[str]
    events: dict[int, list[bytes]]
    seed: int
    threads: int = 3
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _line: list[tuple[int, list[bytes]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sent: int = 0
    _all: int = 0
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        dice = random.Random(f"feed {self.seed}")
        for tenant, events in self.events.items():
            position = 0
            while position < len(events):
                size = dice.randrange(1, BATCH_MAX)
                self._line.append((tenant, events[position : position + size]))
                position += size
        dice.shuffle(self._line)
        self._all = len(self._line)
        self._running = [threading.Thread(target=self._feed, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()

    @property
    def share(self) -> float:
        return self._sent / max(1, self._all)

    @property
    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._running)

    def _feed(self) -> None:
        with httpx.Client(timeout=20) as client:
            while True:
                with self._lock:
                    if not self._line:
                        return
                    tenant, batch = self._line.pop()
                if not self._send(client, tenant, batch):
                    return
                with self._lock:
                    self._sent += 1

    def _send(self, client: httpx.Client, tenant: int, batch: list[bytes]) -> bool:
        body = b"[" + b",".join(batch) + b"]"
        headers = {"Authorization": f"Bearer {self.tokens[tenant]}", "Content-Type": "application/json"}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = client.post(f"{self.api}/v1/messages", content=body, headers=headers)
            except httpx.TransportError as error:
                self._note(type(error).__name__)
                time.sleep(0.3)
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                states = Counter(each["status"] for each in json.loads(answer.content)["results"])
                self._note(*states.elements())
                if set(states) - TAKEN:
                    self.failures.append(answer.text[:500])
                return True
            self._note(str(answer.status_code))
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                self.failures.append(f"{answer.status_code}: {answer.text[:500]}")
                return False
            time.sleep(0.5)
        self.failures.append("a batch was not taken in time")
        return False

    def _note(self, *what: str) -> None:
        with self._lock:
            self.answers.update(what)
