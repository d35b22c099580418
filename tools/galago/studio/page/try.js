// SPDX-License-Identifier: MIT
// Try: the exported page of the model, which computes the bytes of a board, here and on a phone.
import { Part, button, el, fitFrame, heading } from "./dom.js";
import { chosenModel, modelOfPage, noModel } from "./model_choice.js";
import { linkPhone } from "./phone_link.js";

class Try extends Part {
  show() {
    const model = chosenModel();
    const phone = button("On a phone", "phone", () => linkPhone());
    const head = heading(
      "Try",
      "Use the webcam or any photo, and look inside every layer. The results are byte for byte those of a board.",
      model && modelOfPage("try"),
      model && phone,
    );
    if (!model) return this.replaceChildren(head, noModel("Once a model is trained, you can show it things here."));
    const frame = el("iframe", {
      title: `Try ${model.name}`,
      src: `/api/models/${model.id}/page`,
      allow: "camera; clipboard-read",
      class: "try",
    });
    const wait = el("p", { class: "soft", role: "status" }, "Preparing this model …");
    frame.onload = () => {
      wait.remove();
      fitFrame(frame, this.leaving.signal);
    };
    return this.replaceChildren(head, wait, frame);
  }
}

customElements.define("studio-try", Try);
