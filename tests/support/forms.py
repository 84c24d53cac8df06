"""Pressing the buttons of a page as a browser would: the form with its hidden fields, from the page on which it stands."""

import re
from html import unescape

from support.visitors import Person

_FORM = re.compile(r'<form[^>]* method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def buttons(page: str) -> dict[str, tuple[str, dict[str, str]]]:
    """What the buttons of plain forms say (for screen readers, too), to where each posts and what it sends."""
    found = {}
    for action, body in _FORM.findall(page):
        label = unescape(" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", body, flags=re.DOTALL).split()))
        found[label.replace(" :", ":")] = (
            unescape(action),
            {name: unescape(value) for name, value in _HIDDEN.findall(body)},
        )
    return found


def press(by: Person, where: str, label: str) -> str:
    """Press the one button on the page ``where`` whose words begin with ``label``; return where it leads, in the tenant."""
    status, page = by.get(where)
    assert status == 200, page
    (words,) = [each for each in buttons(page) if each.startswith(label)]
    action, sends = buttons(page)[words]
    headers = {"accept": "text/html", "referer": f"http://testserver{by.base}/{where}"}
    answer = by.client.post(action, data=sends, headers=headers)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removeprefix(f"{by.base}/")
