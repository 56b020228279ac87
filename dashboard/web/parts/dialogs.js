// SPDX-License-Identifier: Apache-2.0
// Words of an operator: each is a small form that says what it will do.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { live } from "../lib/live.js";
import { prefs, setPref, usePrefs } from "../lib/prefs.js";

/** A modal dialog; @p close is called when it is left by Escape. One to @p read begins at its top, others at their first field. */
export function Dialog({ title, close, read = false, children }) {
  const box = useRef(null);
  useEffect(() => {
    box.current.showModal();
    if (read) box.current.focus();
    return () => box.current?.close();
  }, []);
  return html`<dialog ref=${box} class=${read ? "dialog read" : "dialog"} aria-label=${title} tabIndex="-1" onCancel=${(e) => {
    e.preventDefault();
    close();
  }}>
    <h2>${title}</h2>${children}</dialog>`;
}

/** Who says it; a token has a name of its own, and that is recorded. */
function Name({ value, set }) {
  if (live.user) return html`<p class="quiet small">It is recorded as said by <strong>${live.user}</strong>.</p>`;
  return html`<label>Your name<input name="by" required maxLength="200" autoComplete="name" value=${value}
    onInput=${(e) => set(e.target.value)} /></label>`;
}

/**
 * A form with a name and a comment; @p send gets {by, comment} and may throw. @p comment is what stands there
 * at first (null: none is asked for), @p needed that there must be one.
 */
export function WordForm({ title, text, action, send, close, children, comment: first = "", needed = false }) {
  const [by, setBy] = useState(live.user || prefs.name);
  const [comment, setComment] = useState(first ?? "");
  const [state, set] = useState({ busy: false, error: null });
  const submit = async (event) => {
    event.preventDefault();
    set({ busy: true, error: null });
    if (!live.user) setPref("name", by.trim());
    try {
      await send({ by: by.trim(), comment: comment.trim() });
      close();
    } catch (why) {
      set({ busy: false, error: why.message });
    }
  };
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${submit}>
      ${text && html`<p>${text}</p>`}
      ${children}
      <${Name} value=${by} set=${setBy} />
      ${first !== null && html`<label>Comment<textarea name="comment" maxLength="4000" rows="3" required=${needed} value=${comment} onInput=${(e) => setComment(e.target.value)}></textarea></label>`}
      ${state.error && html`<p class="wrong" role="alert">${state.error}</p>`}
      <div class="row end"><button type="button" class="plain" onClick=${close}>Cancel</button>
        <button type="submit" class="main" disabled=${state.busy}>${action}</button></div>
    </form></${Dialog}>`;
}

export function Acknowledge({ what, id, name, close, done }) {
  const [assign, to] = useState("");
  return html`<${WordForm} title="Acknowledge" action="Acknowledge" close=${close}
    text=${`${name}: somebody is looking into it, and everybody sees that.`}
    send=${async (words) => {
      await api.acknowledge(what, id, { ...words, acknowledged: true, ...(assign.trim() ? { assign: assign.trim() } : {}) });
      done?.();
    }}><label>Who looks after it, if not you<input name="assign" maxLength="200" value=${assign} onInput=${(e) => to(e.target.value)} /></label></${WordForm}>`;
}

/** Verdict on an incident (right, partly, wrong; of which cause) or on an alert (true, false, expected). */
export function Feedback({ what, id, verdict, cause, text, close, done, more = {} }) {
  const body = what === "incidents" ? { verdict, cause: cause ?? null, ...more } : { verdict };
  return html`<${WordForm} title=${`Say: ${verdict}`} action="Record it" close=${close} text=${text}
    send=${async (words) => {
      await api.feedback(what, id, { ...body, ...words });
      done?.();
    }} />`;
}

/** Where the server asks for a token; @p refused says why the one before does not do. */
export function TokenForm({ refused, given }) {
  const [token, set] = useState("");
  const box = useRef(null);
  useEffect(() => box.current.focus(), []);
  return html`<div class="gate"><form onSubmit=${(e) => {
    e.preventDefault();
    given(token.trim());
  }}>
    <h1>faultline</h1><p>This server asks who you are. Paste a token; <code>faultline token create</code> makes one.
    It is kept until this tab is closed.</p>
    ${refused && html`<p class="wrong" role="alert">${refused}</p>`}
    <label>Token<input ref=${box} type="password" name="token" autoComplete="current-password" required value=${token} onInput=${(e) => set(e.target.value)} /></label>
    <button class="main" type="submit">Go on</button></form></div>`;
}

const keys = [
  ["1 – 5", "Now, Topology, Alerts, Quality, System"],
  ["j / k", "next, previous in a list"],
  ["Enter", "open what is chosen"],
  ["a", "acknowledge the incident that is shown"],
  ["s", "silence the incident that is shown"],
  ["/", "search; where there is none, for an entity"],
  ["t", "light, dark, as the system"],
  ["z", "local time, UTC"],
  ["?", "this list"],
  ["Esc", "close, back"],
];

export function KeyHelp({ close }) {
  usePrefs();
  return html`<${Dialog} title="Keys" close=${close}><dl class="keys">${keys.map(([k, what]) => html`<dt><kbd>${k}</kbd>
      </dt><dd>${what}</dd>`)}</dl>
    <div class="row end"><button type="button" class="main" onClick=${close}>Close</button></div></${Dialog}>`;
}
