"""The most memory that this process held while something ran."""

import threading

import psutil


class Peak:
    """How many bytes more than before the process held at most within the block, looked at every few milliseconds."""

    def __enter__(self):
        self.process, self.done = psutil.Process(), threading.Event()
        self.before = self.most = self.process.memory_info().rss
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()
        return self

    def _watch(self) -> None:
        while not self.done.wait(0.002):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *error):
        self.done.set()
        self.watcher.join()
        self.more = self.most - self.before
