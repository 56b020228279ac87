# SPDX-License-Identifier: Apache-2.0
"""300 strings that want to be a script, and events that carry them wherever a string may stand."""

CALL = "window.hacked=1"
BASES = [
    f"<script>{CALL}</script>", f"<img src=x onerror={CALL}>", f"<svg onload={CALL}>", f"<svg/onload={CALL}>", f"<body onload={CALL}>",
    f"<iframe src=javascript:{CALL}>", f"<iframe srcdoc='<script>parent.{CALL}</script>'>", f"<a href=javascript:{CALL}>x</a>",
    f"<math><mi xlink:href=javascript:{CALL}>x", f"<input autofocus onfocus={CALL}>", f"<details open ontoggle={CALL}>", f"<video><source onerror={CALL}>",
    f"<audio src=x onerror={CALL}>", f"<object data=javascript:{CALL}>", f"<embed src=javascript:{CALL}>", f"<form action=javascript:{CALL}><button>x",
    f"<marquee onstart={CALL}>", f"<style>@import 'javascript:{CALL}'</style>", f"<style>*{{background:url(javascript:{CALL})}}</style>", f"<link rel=stylesheet href=javascript:{CALL}>",
    f"<meta http-equiv=refresh content=0;url=javascript:{CALL}>", f"<base href=javascript:{CALL}//>", f"<template><script>{CALL}</script></template>", f"<noscript><p title='</noscript><img src=x onerror={CALL}>'>",
    f"javascript:{CALL}", f"data:text/html,<script>{CALL}</script>", f"vbscript:{CALL}", f"${{{CALL}}}", f"{{{{constructor.constructor('{CALL}')()}}}}", f"#{{{CALL}}}",
    f"<%= {CALL} %>", f"`+({CALL})+`", f"');{CALL};//", f"\");{CALL};//", f"</script><script>{CALL}</script>", f"--><script>{CALL}</script>", f"]]><script>{CALL}</script>",
    f"' onmouseover='{CALL}", f"\" onmouseover=\"{CALL}", f" onfocus={CALL} autofocus ", "%3Cscript%3Ewindow.hacked=1%3C/script%3E", "&lt;script&gt;window.hacked=1&lt;/script&gt;",
    "&#60;script&#62;window.hacked=1&#60;/script&#62;", "\\u003cscript\\u003ewindow.hacked=1\\u003c/script\\u003e", "__proto__", "constructor", "prototype.polluted", "toString", "hasOwnProperty",
    "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "=cmd|' /C calc'!A0", "+1+1", "@SUM(1+1)", "{\"constructor\":{\"name\":\"x\"}}", "{\"type\":\"script\",\"props\":{}}",
    "id: 7", "event: hello data: {}", "null", "NaN",
]
WRAPPERS = ["{}", "x{}", "\"{}", "'>{}", "{} é 漢字 🙂"]
STRINGS = [wrapper.format(base) for wrapper in WRAPPERS for base in BASES]
assert len(STRINGS) == len(set(STRINGS)) == 300


def cut(text, most):
    return text.encode()[:most].decode(errors="ignore")


def events(start, ticks):
    """Rows in which every entity of the 300 crosses the limit of *evil metrics, its changes, logs, edges and labels."""
    names = [cut("service/" + s, 250) for s in STRINGS]
    batches = []
    for n in range(ticks):
        level = (95.0 if n >= ticks // 2 else 10.0) + n % 2
        batches.append([{"entity": e, "ts": start + n * 10_000, "values": {cut(f"{s} evil", 120): level}, "attrs": {cut(s, 60): s}}
                        for e, s in zip(names, STRINGS)])
    for e, other, s in zip(names, names[1:] + names[:1], STRINGS):
        batches.append([{"type": "change", "entity": e, "ts": start, "kind": "deploy", "summary": s},
                        {"type": "log", "entity": e, "ts": start, "severity": "error", "body": s},
                        {"type": "edge", "entity": e, "ts": start, "depends_on": [other]},
                        {"type": "edge", "entity": "gateway/front", "ts": start, "depends_on": [e]},
                        {"entity": s + "\n", "ts": start, "values": {"x": 1}}])
    return batches
