"""The command palette: everything a key does, found by its words, and the themes."""

from collections.abc import Callable, Iterator
from functools import partial

from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.bindings import APP_KEYS, SCREEN_KEYS, key_words


class KeyCommands(Provider):
    """Offers the console's actions with their keys."""

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        keymap = getattr(self.app, "key_overrides", {})
        for key in (*SCREEN_KEYS, *APP_KEYS):
            if key.palette:
                words = f"{key.words}"
                shown_keys = f"{key.group} · key {key_words(keymap.get(key.id, key.keys))}"
                yield words, shown_keys, partial(run_action, self.app, key.action)

    async def discover(self) -> Hits:
        """Everything, in the order of the help screen."""
        for words, keys, run in self._entries():
            yield DiscoveryHit(words, run, help=keys)

    async def search(self, query: str) -> Hits:
        """What matches, best first."""
        matcher = self.matcher(query)
        for words, keys, run in self._entries():
            score = matcher.match(words)
            if score > 0:
                yield Hit(score, matcher.highlight(words), run, help=keys)


class ThemeCommands(Provider):
    """Offers every theme by name, ours first."""

    def _names(self) -> list[str]:
        names = sorted(self.app.available_themes, key=lambda name: (not name.startswith("watchfloor"), name))
        return [name for name in names if name != "textual-ansi"]

    async def discover(self) -> Hits:
        """Our own themes."""
        for name in self._names():
            if name.startswith("watchfloor"):
                yield DiscoveryHit(f"Theme: {name}", partial(set_theme, self.app, name))

    async def search(self, query: str) -> Hits:
        """Any theme."""
        matcher = self.matcher(query)
        for name in self._names():
            words = f"Theme: {name}"
            score = matcher.match(words)
            if score > 0:
                yield Hit(score, matcher.highlight(words), partial(set_theme, self.app, name))


async def run_action(app: App[object], action: str) -> None:
    """Run an action of the main screen, else of the app: the palette has left by then."""
    name = action.partition("(")[0]
    target = app.screen if hasattr(app.screen, f"action_{name}") else app
    await app.run_action(action, target)


def set_theme(app: App[object], name: str) -> None:
    """Another theme."""
    app.theme = name
