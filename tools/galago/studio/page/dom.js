// SPDX-License-Identifier: MIT
// Elements without a framework: made in one call, and pages that stop listening when they leave.
import { icon } from "./icons.js";
import { store } from "./store.js";

/** Returns an element: el("button", { class: "main", onclick }, "Train"). Null children are left out. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") || name === "value" || name === "indeterminate") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Returns a button with an icon. Without `text` its label is read out and shown as a tooltip. */
export function button(label, name, onclick, { text = true, kind = "", ...more } = {}) {
  const tip = text ? {} : { "aria-label": label, title: label };
  return el(
    "button",
    { type: "button", class: `${kind} ${text ? "" : "round"}`.trim() || null, onclick, ...tip, ...more },
    name && icon(name),
    text && label,
  );
}

/** Returns a bar that shows a share of one. */
export function meter(share, label, kind = "") {
  const fill = el("i");
  fill.style.width = `${Math.min(100, Math.max(0, 100 * share))}%`;
  const bar = el(
    "div",
    {
      class: `meter ${kind}`.trim(),
      role: "meter",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(100 * share),
    },
    fill,
  );
  return bar;
}

/** Shows other children. Those that look as before stay, so that events do not take a click or the focus away. */
export function redraw(parent, ...children) {
  const fresh = children.flat(2).filter(Boolean);
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  fresh.forEach((child, at) => {
    const old = parent.children[at];
    if (!old) parent.append(child);
    else if (!old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.children.length > fresh.length) parent.lastElementChild.remove();
  if (!focused || focused.isConnected) return;
  const alike = [...parent.querySelectorAll(focused.localName)];
  (
    alike.find((other) => other.textContent === focused.textContent) ??
    alike[0] ??
    document.querySelector("h1")
  )?.focus();
}

/** Returns the heading of a page: what one does here, and why. */
export function heading(title, text, ...actions) {
  return el(
    "header",
    { class: "page-head" },
    el("div", {}, el("h1", { tabindex: -1 }, title), el("p", {}, text)),
    actions.length > 0 && el("div", { class: "actions" }, actions),
  );
}

/** Returns what a page shows while there is nothing: what is missing, and the button that brings it. */
export function emptyState(name, title, text, ...actions) {
  return el(
    "section",
    { class: "empty" },
    icon(name),
    el("h2", {}, title),
    el("p", {}, text),
    actions.length > 0 && el("div", { class: "buttons" }, actions),
  );
}

/** Makes a frame as high as the page in it, so that only the window scrolls. */
export function fitFrame(frame, signal) {
  const root = frame.contentDocument.documentElement;
  const observer = new ResizeObserver(() => (frame.style.height = `${root.offsetHeight + 2}px`));
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** The base of all pages and of parts that follow the project while they are shown. */
export class Part extends HTMLElement {
  connectedCallback() {
    this.leaving = new AbortController();
    this.show();
  }

  disconnectedCallback() {
    this.leaving.abort();
    this.leave?.();
  }

  /** Calls back at each event of the store until this part leaves the page. */
  follow(types, listener) {
    for (const type of [types].flat())
      store.addEventListener(type, (event) => listener(event.detail), { signal: this.leaving.signal });
  }

  /** Calls back at an event of the window or document until this part leaves. */
  on(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.leaving.signal });
  }
}
