"""The page's pictures: shapes are SVG that stretches to the width there is, words are HTML that never does.

A drawing is made from numbers alone. Its coordinates are whole numbers from 0 to 1000, across and down, which is finer
than any screen and short to write. Colours are classes of the page's style sheet, so that a drawing follows light and
dark. Everything drawn is also in a table next to it.
"""
