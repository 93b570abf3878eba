"""Pages that stand for all the others, where what is tested is a script that all of them share.

The builder writes every page by the same code. What depends on the *content* of a page is tested on
every page, as it is opened from its folder in the light: the browser allows less there than over
http, so a page that is whole there is whole over http. What the shared scripts do over http, with a
reader who prefers the dark, or without the script of the widgets, is tested on pages of each kind:
a text, the page of the package, the lecture with the most controls, the longest, with Play, one
that draws a picture itself, and one whose frames are texts. ``site/test_pages.py`` tests that no
other page has a kind of widget that these lack.
"""

LECTURES = ("sampling", "decoder", "calibration", "generic-replies")
PAGES = ("book/index", "book/api", *(f"book/{lecture}" for lecture in LECTURES))
