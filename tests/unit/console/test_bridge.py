"""The bridge looks on a clock: nothing new, nothing said."""

from backend.api import Snapshot
from console.bridge import Bridge
from tests.support import scene
from tests.support.fake_engine import FakeEngine


class FakeView:
    def __init__(self) -> None:
        self.said: list[str] = []

    def show_snapshot(self, snapshot: Snapshot) -> None:
        self.said.append(f"snapshot {snapshot.version}")

    def second(self) -> None:
        self.said.append("second")

    def pump(self) -> None:
        self.said.append("pump")


def test_a_snapshot_is_handed_on_once_and_a_second_told_once() -> None:
    now = [10.0]
    engine, view = FakeEngine(scene.SCENE), FakeView()
    bridge = Bridge(engine, view, lambda: now[0])
    bridge.poll()
    bridge.poll()
    assert view.said == ["snapshot 7", "pump", "pump"]
    now[0] = 11.1
    engine.publish(dead_letters=3)
    bridge.poll()
    assert view.said[3:] == ["snapshot 8", "second", "pump"]
    engine.failed = "disk full"
    bridge.poll()
    assert view.said[6:] == ["snapshot 8", "pump"]
