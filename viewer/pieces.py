"""The pieces of markup that a page repeats by the hundred: steps, and all that they unfold to.

Only where things go. As Jinja macros they were most of the time that a page took (RATIONALE.md).
A parser drops one newline right after <pre>: it is put there on purpose.
"""

from __future__ import annotations

from viewer.legible import Draft, Piece, safe
from viewer.quotes import Quote

NOTHING = Draft("")

# -- steps --------------------------------------------------------------------------------------------

LINE = Piece(
    '<li class="line indent-{}" id="row-{}" data-key="{}" data-level="{}"{}><details class="step kind-{}{}"{}>\n'
    "{}{}</details>{}</li>\n"
)
SIZE = Piece(' data-size="{}"')
ROW = Piece(
    '<summary class="row">\n'
    '<span class="row-name"><svg class="icon" aria-hidden="true"><use href="#kind-{}"/></svg>'
    '<span class="row-words"><span class="visually-hidden">Step </span><span class="row-number">{}</span> '
    '<bdi class="row-title">{}</bdi>{}</span></span>\n'
    '<span class="row-bar">{}</span>\n<span class="row-duration">{}</span>\n{}</summary>\n'
)
ROW_KIND = Piece(' <span class="row-kind">{}{}<bdi>{}</bdi></span>')
FAILED_TAG = Draft(' <span class="tag is-bad">Failed</span>')
WARNING_TAG = Piece(' <span class="tag is-odd">{}</span>')
ROW_ERROR = Piece(' <bdi class="row-error">{}</bdi>')
ROW_GAP = Piece(' <span class="row-gap">after a gap of {}</span>')
ROW_TOKENS = Piece(
    '<span class="row-tokens"><span aria-hidden="true">{} → {}</span>'
    '<span class="visually-hidden">tokens: {}</span></span>\n'
)
PLAIN_BAR = Piece(
    '<svg aria-hidden="true" width="100%" height="14"><rect class="bar" x="{}" y="2" width="{}" height="8" rx="2"/>'
    '<rect class="critical" x="{}" y="12" width="{}" height="2"/></svg>'
)
BARS = Piece('<svg aria-hidden="true" width="100%" height="14">{}</svg>')
GAP = Piece('<rect class="bar-gap" x="{}" y="5" width="{}" height="2"/>')
BAR = Piece('<rect class="bar" x="{}" y="2" width="{}" height="8" rx="2"/>')
POINT = Piece('<circle class="point" cx="{}" cy="6" r="3.5"/>')
CRITICAL = Piece('<rect class="critical" x="{}" y="12" width="{}" height="2"/>')
FOLDED = Piece(
    '<li class="line is-fold indent-{}" id="fold-{}" data-level="{}"><details class="folded"><summary class="row-fold">'
    'Show {} <span class="faint">{}</span></summary>\n{}</details></li>\n'
)
BLOCK = Piece('<ol class="block" data-from="{}" data-to="{}" data-lines="{}">\n{}</ol>\n')
WHOLE_BLOCK = Piece('<ol class="block" data-lines="{}">\n{}</ol>\n')
WAITING_BLOCK = Piece(
    '<p class="block is-waiting" data-from="{}" data-to="{}" data-lines="{}" data-starts="{}">'
    '<a href="{}">Steps {} to {}</a></p>\n'
)
BODY = Piece('<div class="step-body" id="step-{}">\n{}<p class="step-links">{}</p>\n</div>\n')
WAITING_BODY = Piece(
    '<div class="step-body is-waiting" id="step-{}" data-body="{}"><p><a href="{}">What step {} did</a></p></div>\n'
)
STEP_LINK = Piece('<a href="{}">{}</a> ')
LANE = Piece('<rect class="lane is-{}" x="{}%" y="{}" width="{}%" height="{}"/>')
MINIMAP = Piece(
    '<svg class="minimap" aria-hidden="true" width="100%" height="{}" viewBox="0 0 100 {}" '
    'preserveAspectRatio="none">{}</svg>\n'
)
FOUND = Piece(
    '<p class="found"><bdi>{}</bdi> <span class="faint">{}</span><bdi>{}<mark>{}</mark>{}</bdi></p>\n'
)
ERROR = Piece('<section class="exchange is-error"><h3>Error</h3>{}</section>\n')
WARNING = Piece('<p class="notice is-odd"><bdi>{}</bdi></p>\n')
STEP_FOLD = Piece(
    '<details class="fold"{}><summary id="step-{}-{}">{} <span class="faint">{}</span></summary>\n{}</details>\n'
)
OPEN = Draft(" open")
ABOUT_SOURCES = Draft(
    '<p class="aside">Each value of this step, and the name under which its span told it.</p>\n'
)

TOKEN_LINE = Piece(
    '<tr><th scope="row"><a href="{}">{}. <bdi>{}</bdi></a> <small>{}</small></th>'
    "<td>{}</td><td>{}</td></tr>\n"
)

# -- quotes -------------------------------------------------------------------------------------------

_TEXT = Piece('<div class="quote"><pre class="text" dir="auto">\n{}</pre></div>\n')
_CODE = Piece('<div class="quote"><pre class="text is-code" dir="auto">\n{}</pre></div>\n')
_FOLDED_TEXT = Piece('<div class="quote"><pre class="text{}" dir="auto">\n{}{}</pre>\n{}{}</div>\n')
_PROSE = Piece('<div class="prose" dir="auto">{}</div>\n')
_REST = Piece('<span class="rest">{}</span>')
_MORE = Piece(
    '<label class="more"><input type="checkbox"><span class="more-closed">Show {}</span>'
    '<span class="more-open">Show less</span></label>\n'
)
_OMITTED = Piece('<p class="aside">This page leaves out {} here. The JSON has them all.</p>\n')


def quoted(quote: Quote) -> Draft:
    """Show a quote: all of it, or its beginning with the rest behind a checkbox."""
    if quote.prose is not None:
        return _PROSE(safe(quote.prose))
    if not quote.rest and not quote.omitted:
        return (_CODE if quote.is_code else _TEXT)(quote.text)
    return _FOLDED_TEXT(
        " is-code" if quote.is_code else "",
        quote.text,
        _REST(quote.rest) if quote.rest else NOTHING,
        _MORE(quote.offer) if quote.rest else NOTHING,
        _OMITTED(quote.omitted) if quote.omitted else NOTHING,
    )


# -- conversations ------------------------------------------------------------------------------------

SIDES = Piece('<div class="sides">{}{}</div>\n')
PAIR = Piece('<div class="call-and-result">{}{}</div>\n')
EXCHANGE = Piece('<section class="exchange"><h3>{}</h3>\n{}</section>\n')
TURNS = Piece('<ol class="turns">{}</ol>\n')
EARLIER_TURNS = Piece('<details class="fold"><summary>{}</summary>\n<ol class="turns">{}</ol>\n</details>\n')
TURN = Piece('<li class="turn is-{}"><p class="role"><bdi>{}</bdi></p>\n<div class="said">{}</div></li>\n')
EMPTY_TURN = Draft('<p class="aside">Nothing in this message.</p>\n')
TEXT_PART = Piece(
    '<div class="part is-text"><div class="quote"><pre class="text" dir="auto">\n{}</pre></div></div>\n'
)
PART = Piece('<div class="part is-{}">{}{}</div>\n')
PART_LABEL = Piece('<p class="part-label"><bdi>{}</bdi></p>\n')
PART_LABEL_WITH_ID = Piece(
    '<p class="part-label"><bdi>{}</bdi> <span class="faint"><bdi>{}</bdi></span></p>\n'
)
MEDIA = Piece('<div class="part is-media"><span class="part-label">Media</span> <bdi>{}</bdi></div>\n')

# -- facts, attributes, events, sources ---------------------------------------------------------------

SHEET = Piece('<dl class="sheet">\n{}</dl>\n')
FACT = Piece("<div><dt>{}</dt><dd><bdi>{}</bdi> <small>{}</small></dd></div>\n")
ATTRIBUTE = Piece('<div><dt><bdi>{}</bdi></dt><dd><pre class="text" dir="auto">\n{}</pre></dd></div>\n')
QUOTED_ATTRIBUTE = Piece("<div><dt><bdi>{}</bdi></dt><dd>{}</dd></div>\n")
SHOWN_AS = Piece('<p class="aside">Shown above as {}.</p>')
ATTRIBUTES = Piece('<dl class="attributes">\n{}</dl>\n')
CAPTION = Piece('<p class="caption"><bdi>{}</bdi></p>\n')
EVENT = Piece('<li><p class="event-name"><bdi>{}</bdi>{}</p>\n{}{}</li>\n')
EVENT_TIME = Piece(' <span class="faint">after {}</span>')
EVENTS = Piece('<ol class="events">\n{}</ol>\n')
SOURCE = Piece("<div><dt><bdi>{}</bdi></dt><dd><bdi>{}</bdi></dd></div>\n")
SOURCES = Piece('<p class="caption"><bdi>{}</bdi></p>\n<dl class="attributes is-sources">\n{}</dl>\n')
