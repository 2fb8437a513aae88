"""Model text in which nothing can be clicked, fetched or run, whatever later renders it.

URLs are defanged as analysts write them (`hxxps://evil[.]com`), Markdown links and images and HTML tags lose
their form to one space. A terminal makes links of what looks like one, and a report may be read as Markdown
or HTML. The words stay readable.
"""

import re

# Their characters are none at which streamed text may pause (`text_flow.STOP`), so that text comes out the
# same however it was cut.
_URL = re.compile(r"(?<![A-Za-z0-9])(http|ftp)(s?)://([A-Za-z0-9._:-]*)", re.IGNORECASE)
_SCHEME = re.compile(r"(?<!hxxp)(?<!hxxps)(?<!fxp)(?<!fxps)(?<=[A-Za-z0-9.-])://")
_WWW = re.compile(r"(?<![\w.])(www)\.(?=[A-Za-z0-9])", re.IGNORECASE)
_TAG = re.compile(r"(?<=<)(?=[A-Za-z/!?])|(?<=\])(?=\()")


def dead(text: str, before: str = "") -> str:
    """`text` without live links, images or HTML. `before` is the last character of what stands before it."""
    if "://" in text:
        text = _SCHEME.sub("[:]//", _URL.sub(_defanged, text))
    if "www." in text or "WWW." in text:
        text = _WWW.sub(r"\1[.]", text)
    if before in ("<", "]") or "<" in text or "](" in text:
        text = _TAG.sub(" ", before + text)[len(before) :]
    return text


def _defanged(match: re.Match[str]) -> str:
    scheme = "hxxp" if match[1].casefold() == "http" else "fxp"
    return f"{scheme}{match[2]}://{match[3].replace('.', '[.]')}"
