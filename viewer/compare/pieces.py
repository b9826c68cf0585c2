"""The pieces of markup that a comparison repeats: lines of its table, runs of its texts. Only where things go.

The roles say what the elements are already: a browser may forget it where the table is laid out as blocks.
"""

from __future__ import annotations

from viewer.legible import Draft, Piece

NOTHING = Draft("")

# -- the table of steps -------------------------------------------------------------------------------

GROUP = Piece('<tbody role="rowgroup">\n{}</tbody>\n')
ALIKE_GROUP = Piece(
    '<tbody role="rowgroup" class="alike">\n<tr role="row" class="alike-head">{}<th role="rowheader" scope="row"'
    ' class="what" colspan="{}"><label class="more"><input type="checkbox"><span class="more-closed">{} alike'
    '</span><span class="more-open">Fold {} alike</span></label></th></tr>\n{}</tbody>\n'
)
ALIKE_LINE = Piece(
    '<tbody role="rowgroup">\n<tr role="row" class="alike-head">{}<th role="rowheader" scope="row" class="what"'
    ' colspan="{}">{} alike</th></tr>\n</tbody>\n'
)
ALIKE_NUMBERS = Piece(
    '<td role="cell" class="number"><span class="visually-hidden">A, steps </span>{}</td>'
    '<td role="cell" class="number"><span class="visually-hidden">B, steps </span>{}</td>'
)
LINE = Piece(
    '<tr role="row" class="pair kind-{}{}">\n{}{}'
    '<th role="rowheader" scope="row" class="what indent-{}"><span class="row-name">'
    '<svg class="icon" aria-hidden="true"><use href="#kind-{}"/></svg>'
    '<span class="row-words"><bdi class="row-title">{}</bdi>{}</span></span></th>\n'
    '<td role="cell" class="took">{}{}</td>\n{}</tr>\n'
)
NUMBER = Piece(
    '<td role="cell" class="number"><a href="{}?step={}#step-{}">'
    '<span class="visually-hidden">{}, step </span>{}</a></td>\n'
)
NO_NUMBER = Piece(
    '<td role="cell" class="number"><span class="visually-hidden">not in {}</span>'
    '<span class="faint" aria-hidden="true">–</span></td>\n'
)
KIND = Piece(' <span class="row-kind">{}{}<bdi>{}</bdi></span>')
ONLY_IN_A = Draft(' <span class="tag only-a">− Only in A</span>')
ONLY_IN_B = Draft(' <span class="tag only-b">+ Only in B</span>')
FAILED = Piece(' <span class="tag is-bad">{}</span>')
REMARKS = Piece(' <span class="remarks">{}</span>')
REMARK = Piece('<bdi class="remark">{}</bdi>')
TEXTS = Piece(
    '<tr role="row" class="pair-texts"><td role="cell"></td><td role="cell"></td>'
    '<td role="cell" colspan="{}" class="indent-{}"><div class="row-name">{}</div></td></tr>\n'
)
CHANGED_TEXT = Piece('<details class="fold"><summary>{}</summary>{}</details>\n')
ERROR_LINE = Piece(' <bdi class="row-error">{}</bdi>')
TOOK = Piece('<span class="took-words"><span>{}</span>{}</span>')
TOOK_CHANGE = Piece(' <span class="took-change{}">{}</span>')
BARS = Piece('<svg class="bars" aria-hidden="true" width="100%" height="11">{}{}</svg>')
BAR_A = Piece('<rect class="bar-a" y="0" width="{}" height="4.5" rx="1.5"/>')
BAR_B = Piece('<rect class="bar-b" y="6" width="{}" height="4.5" rx="1.5"/>')
TOKENS = Piece('<td role="cell" class="tokens">{}</td>\n')
TOKEN_LINE = Piece("<span>{}</span>")

# -- texts --------------------------------------------------------------------------------------------

DIFF = Piece('<div class="text diff" dir="auto">{}</div>\n')
SAME = Piece("{}")
REMOVED = Piece(
    '<del><span class="visually-hidden">[only in A: </span>{}<span class="visually-hidden">]</span></del>'
)
ADDED = Piece(
    '<ins><span class="visually-hidden">[only in B: </span>{}<span class="visually-hidden">]</span></ins>'
)
BESIDE = Piece(
    '<div class="beside"><div class="panel"><p><span class="side is-A">A</span></p>{}</div>'
    '<div class="panel"><p><span class="side is-B">B</span></p>{}</div></div>\n'
)
ABSENT = Piece('<p class="aside">{}</p>')
FOLDED = Piece('<details class="fold"><summary>{} alike</summary><div>{}</div></details>')
