// SPDX-License-Identifier: MIT
// The QR code that lets a phone add photos and try the model, and nothing else.
import { post } from "./api.js";
import { drawing } from "./charts.js";
import { el } from "./dom.js";
import { attempt, dialog } from "./notes.js";
import { store } from "./store.js";
import { clock } from "./words.js";

/** Shows the code, or how to allow phones. */
export async function linkPhone() {
  if (!store.project.can.phone)
    return dialog("Use a phone", () => [
      el(
        "p",
        {},
        "Phones reach the studio over your local network, which is off by default. Stop the studio in its terminal and start it again with:",
      ),
      el("p", {}, el("code", {}, "galago studio --phone")),
      el(
        "p",
        { class: "soft" },
        "With --phone-https the phone’s live camera works too; the phone then warns once about the certificate.",
      ),
    ]);
  const link = await attempt(() => post("/api/phone"));
  if (!link) return undefined;
  return dialog("Use a phone", () => [
    el("div", { class: "qr" }, drawing(link.svg, "QR code of the phone’s page")),
    el("p", {}, "Scan it with the phone’s camera. The phone must be on the same network."),
    el(
      "p",
      { class: "soft" },
      `It can add photos and try the model, nothing else, until ${clock(link.until)}.${link.https ? " It warns once about the certificate, which this computer issued itself." : ""}`,
    ),
    el("p", {}, el("code", {}, link.url)),
  ]);
}
