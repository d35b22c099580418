// SPDX-License-Identifier: MIT
// The phone's page: photos into a class, and the model to try. It can do nothing else.
import { get } from "./api.js";
import { openCamera } from "./capture.js";
import { button, el, emptyState } from "./dom.js";
import { icon } from "./icons.js";
import { addFiles } from "./upload.js";
import { plural } from "./words.js";

const main = document.getElementById("main");
let known;
let chosen;

/** Reads the classes again; shows in words why it cannot. */
async function read() {
  try {
    known = await get("/api/phone");
  } catch (error) {
    main.replaceChildren(
      emptyState(
        "warning",
        "The studio does not answer",
        `${error.message} Is the phone on the same network?`,
        button("Try again", null, read, { kind: "main" }),
      ),
    );
    return;
  }
  chosen ??= known.classes[0]?.id;
  draw();
}

function draw() {
  const { name, classes, model } = known;
  const head = el(
    "header",
    { class: "brand" },
    el("img", { src: "/static/icon.svg", alt: "", width: 32, height: 32 }),
    el("h1", {}, name),
  );
  if (!classes.length)
    return main.replaceChildren(
      head,
      emptyState(
        "collect",
        "No classes yet",
        "Add one on the computer, then come back.",
        button("Look again", null, read, { kind: "main" }),
      ),
    );
  const choice = el(
    "div",
    { class: "list", role: "group", "aria-label": "Class" },
    classes.map((each) =>
      el(
        "button",
        { type: "button", class: "wide", "aria-pressed": String(each.id === chosen), onclick: () => choose(each.id) },
        el("span", {}, each.name),
        el("small", {}, plural(each.photos, "photo")),
      ),
    ),
  );
  return main.replaceChildren(
    head,
    el("section", { class: "card" }, el("h2", {}, "Photos of"), choice, ways()),
    el(
      "section",
      { class: "card" },
      el("h2", {}, "Try the model"),
      model
        ? el("a", { class: "button", href: `/api/models/${model.id}/page` }, icon("try"), model.name)
        : el("p", { class: "soft" }, "No model is trained yet."),
    ),
    el(
      "p",
      { class: "soft" },
      "This page can add photos and try the model, nothing else. Photos go to the computer that showed the code, and nowhere else.",
    ),
  );
}

function choose(id) {
  chosen = id;
  draw();
}

/** The live camera where the browser gives it (https), else the phone's own camera program. */
function ways() {
  const live = Boolean(navigator.mediaDevices);
  const each = known.classes.find(({ id }) => id === chosen);
  const add = (input) => {
    addFiles(chosen, input.files, "phone");
    input.value = "";
    setTimeout(read, 1500);
  };
  const input = (id, more) => {
    const made = el("input", {
      type: "file",
      id,
      accept: "image/*",
      class: "hidden",
      onchange: () => add(made),
      ...more,
    });
    return made;
  };
  const take = live
    ? button("Take photos", "camera", () => openCamera(each, "phone").then(read), { kind: "main wide" })
    : el(
        "span",
        {},
        input("take", { capture: "environment" }),
        el("label", { class: "button main wide", for: "take" }, icon("camera"), "Take a photo"),
      );
  return el(
    "div",
    { class: "list" },
    take,
    el(
      "span",
      {},
      input("choose", { multiple: true }),
      el("label", { class: "button wide", for: "choose" }, icon("file"), "Choose photos"),
    ),
  );
}

read();
