// SPDX-License-Identifier: MIT
// A slider over a list of steps, which says the chosen one in words.
import { el } from "./dom.js";

export class Slider {
  steps = [];

  /** `say(step)` returns the words, `onchange` is called while the slider moves. */
  constructor(title, say, onchange) {
    this.say = say;
    this.output = el("output");
    this.range = el("input", { type: "range", min: 0, step: 1 });
    this.field = el("label", { class: "field" }, el("span", {}, title, this.output), this.range);
    this.range.oninput = () => {
      this.draw();
      onchange();
    };
  }

  /** Takes other steps, and moves to the one nearest to `wanted`. */
  fill(steps, wanted) {
    this.steps = steps;
    this.range.max = steps.length - 1;
    const distances = steps.map((step) => Math.abs(step - wanted));
    this.range.value = distances.indexOf(Math.min(...distances));
    this.draw();
  }

  get value() {
    return this.steps[this.range.value];
  }

  draw() {
    this.output.textContent = this.say(this.value);
    this.range.setAttribute("aria-valuetext", this.output.textContent);
  }
}
