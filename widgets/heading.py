"""A pane's heading."""

from widgets.status import StatusLine


class PaneTitle(StatusLine):
    """One line over a pane: what it is at the left, what it holds at the right."""

    DEFAULT_CSS = """
    PaneTitle { height: 1; }
    """
