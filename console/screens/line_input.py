"""The one input the console uses: what is typed or pasted into it is as safe to show as anything else."""

from textual.widgets import Input

from widgets.safe import shown


class LineInput(Input):
    """A line of text with no control, bidi or invisible character in it, whoever put it there."""

    def __init__(self, *, placeholder: str, id: str, max_length: int = 2000) -> None:
        super().__init__(
            placeholder=placeholder, id=id, max_length=max_length, select_on_focus=False, compact=True
        )
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """Replace what must not be drawn."""
        return shown(value)
