"""Stacks of a sampled thread, folded into a tree, as a flame graph: a static SVG in which a frame's width is its share of the samples, callers stand
below those they call, and hovering shows name, file and share. Frames narrower than LEAST are left out."""

import collections
import html
import re

WIDTH, ROW, MARGIN = 1200, 16, 10
LEAST = 0.001
LETTER = 6.2  # the width of one, about
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")
# What a frame is part of: the first pattern that its file matches, with its colour.
PARTS = [("the system's kernel", r"^\[", "#f0a860"), ("cleat", r"/bin/cleat$", "#7fb3d5"), ("a plugin", r"/cleat-\w+/", "#82c596"),
         ("a library", r"", "#d0c4e0")]


def fold(script):
    """Counts of stacks, the outermost frame first, each frame (name, file), from the text of `perf script -F comm,ip,sym,dso`."""
    stacks = collections.Counter()
    for sample in script.replace(" (deleted))", ")").split("\n\n"):
        frames = [match.groups() for line in sample.splitlines() if (match := FRAME.match(line))]
        if frames:
            stacks[tuple(reversed(frames))] += 1
    return stacks


class Node:
    def __init__(self, frame):
        self.frame, self.samples, self.callees = frame, 0, {}


def tree(stacks):
    root = Node(("all", ""))
    for frames, count in stacks.items():
        node = root
        node.samples += count
        for frame in frames:
            node = node.callees.setdefault(frame, Node(frame))
            node.samples += count
    return root


def depth(node, least):
    return 1 + max((depth(each, least) for each in node.callees.values() if each.samples >= least), default=0)


def colour(file):
    return next(colour for _, pattern, colour in PARTS if re.search(pattern, file))


def rectangles(node, left, level, total, bottom, out):
    name, file = node.frame
    width = (WIDTH - 2 * MARGIN) * node.samples / total
    top = bottom - (level + 1) * ROW
    share = node.samples / total
    letters = int(width / LETTER)
    text = name if len(name) <= letters else name[:letters - 1] + "…"
    label = f'<text x="{left + 2:.1f}" y="{top + 12}">{html.escape(text)}</text>' if letters >= 4 else ""
    title = html.escape(f"{name} ({file.rsplit('/', 1)[-1].split('.')[0]}) {share:.1%}" if file else name)
    fill = colour(file) if file else "#cccccc"
    out.append(f'<g><title>{title}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" fill="{fill}"/>{label}</g>')
    for callee in sorted(node.callees.values(), key=lambda each: each.frame):
        if callee.samples >= total * LEAST:
            rectangles(callee, left, level + 1, total, bottom, out)
        left += (WIDTH - 2 * MARGIN) * callee.samples / total


def draw(stacks, heading, notes):
    """The text of an SVG."""
    root = tree(stacks)
    rows = depth(root, root.samples * LEAST)
    top = 40 + 14 * len(notes)
    bottom = top + rows * ROW
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 30}" font-family="monospace" font-size="10">',
           f'<rect width="{WIDTH}" height="{bottom + 30}" fill="#ffffff"/>',
           f'<text x="{MARGIN}" y="22" font-size="16">{html.escape(heading)}</text>']
    out += [f'<text x="{MARGIN}" y="{40 + 14 * i}">{html.escape(note)}</text>' for i, note in enumerate(notes)]
    rectangles(root, MARGIN, 0, root.samples, bottom, out)
    left = MARGIN
    for name, _, fill in PARTS:
        out.append(f'<rect x="{left}" y="{bottom + 10}" width="12" height="12" fill="{fill}"/>')
        out.append(f'<text x="{left + 16}" y="{bottom + 20}">{html.escape(name)}</text>')
        left += 200
    return "\n".join([*out, "</svg>", ""])
