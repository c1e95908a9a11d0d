"""A bar chart as SVG, written by hand: no package is needed to draw one."""

from html import escape

ROW_HEIGHT, BAR_HEIGHT, LABEL_WIDTH, BAR_WIDTH, NUMBER_WIDTH, MARGIN = 26, 18, 220, 460, 150, 16


def bars(title, subtitle, rows, mark=None):
    """Draw `rows` of (label, value, text behind the bar, colour); `mark` is a value with a line."""
    top = 64
    width = LABEL_WIDTH + BAR_WIDTH + NUMBER_WIDTH + 2 * MARGIN
    height = top + ROW_HEIGHT * len(rows) + MARGIN
    longest = max(value for _, value, _, _ in rows) or 1
    scale = BAR_WIDTH / longest
    left = MARGIN + LABEL_WIDTH
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="26" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="46" font-size="11" fill="#666666">{escape(subtitle)}</text>',
    ]
    for index, (label, value, text, colour) in enumerate(rows):
        y = top + ROW_HEIGHT * index
        base = y + BAR_HEIGHT - 5
        length = value * scale
        lines += [
            f'<text x="{left - 8}" y="{base}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" '
            f'fill="{colour}"/>',
            f'<text x="{left + length + 6:.1f}" y="{base}">{escape(text)}</text>',
        ]
    if mark is not None:
        x = left + mark * scale
        lines.append(
            f'<line x1="{x:.1f}" y1="{top - 6}" x2="{x:.1f}" y2="{height - MARGIN}" '
            'stroke="#333333" stroke-dasharray="3 3"/>'
        )
    return "\n".join([*lines, "</svg>", ""])
