// SPDX-License-Identifier: MIT
// Which model a page is about: the one named after the step in the address (#look/ID), else the newest.
import { el, emptyState } from "./dom.js";
import { store } from "./store.js";
import { clock, percent } from "./words.js";

export const chosenModel = () => store.model(location.hash.split("/")[1]);

export function modelSelect(label, chosen, onchange, none = null) {
  const options = store.project.models.map(({ id, name, accuracy, made }) =>
    el("option", { value: id, selected: id === chosen }, `${name}, ${percent(accuracy)}, ${clock(made)}`),
  );
  const select = el(
    "select",
    { onchange: () => onchange(select.value) },
    none && el("option", { value: "", selected: !chosen }, none),
    options,
  );
  return el("label", { class: "field model" }, label, select);
}

/** The choice that changes the address, so that a reload and a link keep it. */
export function modelOfPage(step) {
  return modelSelect("Model", chosenModel()?.id, (id) => (location.hash = `${step}/${id}`));
}

export const noModel = (text) =>
  emptyState("train", "No model yet", text, el("a", { class: "button main", href: "#train" }, "Train one"));
