"""Requests made before their answers are needed, by a few threads; the answers are handed over in order."""

from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

Asked = TypeVar("Asked")
Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


def in_order(
    tasks: Iterable[Asked], fetch: Callable[[Asked], Found], workers: int, name: str
) -> Generator[tuple[Asked, Found], None, None]:
    """Each task with what was fetched for it, `workers` at a time; no more than that are fetched and not yet taken.

    An error of a task is raised where its result would have come; later ones are given up.
    """
    waiting: deque[tuple[Asked, Future[Found]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        for task in tasks:
            waiting.append((task, pool.submit(fetch, task)))
            if len(waiting) >= workers:
                first, found = waiting.popleft()
                yield first, found.result()
        while waiting:
            first, found = waiting.popleft()
            yield first, found.result()
    finally:
        pool.shutdown(cancel_futures=True)


class Guesses(Generic[Key, Found]):
    """Answers to what will probably be asked next. Use as a context."""

    def __init__(self, fetch: Callable[[Key], Found], workers: int, name: str) -> None:
        self._fetch = fetch
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._begun: dict[Key, Future[Found]] = {}

    def get(self, key: Key, then: Sequence[Key]) -> Found:
        """What is fetched for `key`, while that for `then` is begun; what else was begun is dropped."""
        wanted = [key, *then]
        for each in [each for each in self._begun if each not in wanted]:
            self._begun.pop(each).cancel()
        for each in wanted:
            if each not in self._begun:
                self._begun[each] = self._pool.submit(self._fetch, each)
        return self._begun.pop(key).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)
