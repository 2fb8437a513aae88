"""The Textual application: screens, keys and view models over the engine's one door."""
