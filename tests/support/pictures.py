"""The README's pictures, from the running app on the demo feed: `python -m tests.support.pictures FOLDER`.

Writes SVG files; a browser makes PNG of them.
"""

import asyncio
import sys
from pathlib import Path

from backend.engine import Engine, load_settings
from console.app import WatchfloorApp

PICTURES = {
    "main-dark": ("dark", (200, 52), ("g",)),
    "main-light": ("light", (120, 40), ("g", "enter", "i")),
    "decide": ("dark", (120, 40), ("g", "j", "d", "t")),
    "small": ("dark", (80, 24), ("g",)),
}
SETTLE_S = 14.0


async def take(folder: Path, name: str, theme: str, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    """Run the app for a while, press some keys, and save what it shows."""
    settings = load_settings(sources=("demo:",))
    settings.ui.theme = theme  # type: ignore[assignment]  # one of the three
    engine = Engine(settings)
    app = WatchfloorApp(engine, settings)
    engine.start()
    try:
        async with app.run_test(size=size) as pilot:
            await asyncio.sleep(SETTLE_S)
            await pilot.press(*keys)
            await asyncio.sleep(2.5)
            app.save_screenshot(f"{name}.svg", str(folder))
    finally:
        await asyncio.to_thread(engine.stop)


async def main(folder: Path) -> None:
    """Take every picture."""
    for name, (theme, size, keys) in PICTURES.items():
        await take(folder, name, theme, size, keys)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
