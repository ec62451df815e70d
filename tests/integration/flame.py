#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The flame graph in a browser: names stay text (hazard 50), zoom, search and keyboard work, nothing is loaded."""
import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from browser import Browser
from harness import check, run_cases, work_folder

ELEMENTS = {"svg", "title", "style", "rect", "text", "g", "script", "foreignObject", "div", "output", "input", "button"}

# What a frame looks like, by its function's name.
FRAME = """(name) => {
    const frame = [...document.querySelectorAll('.f')].find((element) =>
        element.querySelector('title').textContent.split('\\n')[0] === name);
    const box = frame.getBoundingClientRect();
    return {x: box.x, y: box.y, width: box.width, height: box.height, shown: frame.style.display !== 'none',
            label: frame.querySelector('text')?.textContent ?? '', match: frame.classList.contains('match'),
            focus: frame.classList.contains('focus')};
}"""


@contextlib.contextmanager
def page(what, fragment=""):
    """A browser that shows what flames.c prints."""
    with work_folder() as folder, Browser() as browser:
        picture = folder / "flame.svg"
        with open(picture, "wb") as out:
            subprocess.run([os.environ["HOLTER_FLAMES"], what], stdout=out, check=True)
        browser.open(picture, fragment)
        yield browser
        check(not browser.complaints, f"the page complains: {browser.complaints}")
        check(set(browser.requests) <= {f"file://{picture}{fragment}", f"file://{picture}", "about:blank"},
              f"the page asks for {browser.requests}")


def frame(browser, name):
    return browser.evaluate(f"({FRAME})({json.dumps(name)})")


def text(browser, element):
    return browser.evaluate(f"document.getElementById({json.dumps(element)}).textContent")


def click(browser, name):
    box = frame(browser, name)
    browser.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def follow(browser, fragment):
    """Changes the address, and waits until the page has taken notice; it must be another one than before."""
    browser.evaluate(f"""new Promise((done) => {{
        addEventListener('hashchange', done, {{once: true}});
        location.hash = {json.dumps(fragment)};
    }}).then(() => null)""")


def names_stay_text():
    """hazard 50: names are text and never markup"""
    with page("hostile") as browser:
        names = browser.evaluate("[...document.querySelectorAll('*')].map((element) => element.localName)")
        check(set(names) <= ELEMENTS, f"the page has the elements {sorted(set(names) - ELEMENTS)}")
        check(names.count("script") == 1 and names.count("style") == 1, "a script or a style came out of a name")
        handlers = browser.evaluate("""[...document.querySelectorAll('*')].flatMap((element) => [...element.attributes])
            .map((attribute) => attribute.name).filter((name) => name.startsWith('on') || name.includes('href'))""")
        check(not handlers, f"the page has the attributes {handlers}")
        titles = browser.evaluate("[...document.querySelectorAll('.f title')].map((title) => title.textContent.split('\\n'))")
        check(all(len(lines) == 3 for lines in titles), "a name has broken its line")
        # Zoomed, every label is written once more, by the script.
        for number in range(len(titles)):
            follow(browser, f"zoom={number}&search=<script>")
        check(browser.evaluate("document.documentElement.dataset.owned ?? null") is None, "a name was run")
        shown = {lines[0] for lines in titles}
        for name in ("</script><script>document.documentElement.setAttribute('data-owned','1')</script>",
                     "&lt;b&gt;&#60;", "<!--", "\\u{202e}txt.exe\\u{2066}", "\\x1b]0;owned\\x07", "line\\x0abreak\\x0d\\x09tab",
                     "\\xff\\xfe\\xc0\\xaf", "\\u{ffff}"):
            check(name in shown, f"{name!r} is not shown as it is: {sorted(shown)}")


def zooms():
    """a click zooms, the address keeps it, and Escape goes back"""
    with page("calls") as browser:
        whole = frame(browser, "main")["width"]
        before = frame(browser, "login")
        check(abs(before["width"] / whole - 0.798) < 0.01, f"login is {before['width']} of {whole} wide")
        check(frame(browser, "tiny")["label"] == "", "a frame of two pixels has a label")
        click(browser, "login")
        check(abs(frame(browser, "login")["width"] - whole) < 1, "login does not fill the width")
        check(not frame(browser, "renew")["shown"], "a frame beside the zoomed one is shown")
        check(abs(frame(browser, "main")["width"] - whole) < 1, "a caller does not fill the width")
        check("zoom=" in browser.evaluate("location.hash"), "the address does not say what is zoomed")
        browser.press("Escape")
        check(abs(frame(browser, "login")["width"] - before["width"]) < 1, "Escape does not go back")
        click(browser, "tiny")
        check(frame(browser, "tiny")["label"] == "tiny  server.js:40", "a zoomed frame has no label")


def searches():
    """a search marks names and places, and says how much of the time they hold"""
    with page("calls") as browser:
        browser.press("/")
        browser.type("HASH")
        check(frame(browser, "hash")["match"] and not frame(browser, "sha")["match"], "hash is not what matches")
        check(text(browser, "result") == "Matched: 80.0 %", f"it says {text(browser, 'result')!r}")
        check(browser.evaluate("location.hash") == "#search=HASH", "the address does not say what is sought")
        # A match within a match counts once.
        follow(browser, "search=server.js")
        check(text(browser, "result") == "Matched: 100.0 %", f"it says {text(browser, 'result')!r}")
        browser.evaluate("document.getElementById('reset').click()")
        check(text(browser, "result") == "" and not frame(browser, "hash")["match"], "a reset leaves matches behind")


def walks():
    """arrows walk from frame to frame, Enter zooms, and the frame's figures are shown"""
    with page("calls") as browser:
        for key, name in (("ArrowUp", "all"), ("ArrowUp", "main"), ("ArrowUp", "login"), ("ArrowRight", "renew"),
                          ("ArrowLeft", "login"), ("ArrowDown", "main"), ("ArrowDown", "all"), ("ArrowDown", "all")):
            browser.press(key)
            check(frame(browser, name)["focus"], f"{key} does not lead to {name}")
        for key in ("ArrowUp", "ArrowUp"):
            browser.press(key)
        check("79.80 %" in text(browser, "details") and "/app/server.js:20" in text(browser, "details"),
              f"it says {text(browser, 'details')!r}")
        browser.press("Enter")
        check(not frame(browser, "renew")["shown"], "Enter does not zoom")


def opens_where_the_address_says():
    """an address opens the same view again"""
    with page("calls", "#zoom=2&search=xml") as browser:
        check(not frame(browser, "renew")["shown"], "the zoom is lost")
        check(frame(browser, "parse")["match"], "the search is lost")
        check(text(browser, "result") == "Matched: 19.8 %", f"it says {text(browser, 'result')!r}")
        follow(browser, "zoom=99999")
        check(frame(browser, "renew")["shown"], "an address that leads nowhere does not show the whole")


run_cases(names_stay_text, zooms, searches, walks, opens_where_the_address_says)
