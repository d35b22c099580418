// SPDX-License-Identifier: MIT
// A board's own answers as they come: the class, how sure it is, its picture, rate and errors.
import { get } from "./api.js";
import { Part, el, meter } from "./dom.js";
import { icon } from "./icons.js";
import { percent, plural } from "./words.js";

const ROWS = 10;
const RECENT = 20; // pictures that the rate is counted over

class LiveBoard extends Part {
  async show() {
    this.className = "live";
    this.rows = [];
    this.times = [];
    this.count = this.errors = 0;
    this.best = el("p", { class: "best", "aria-live": "polite" }, "Waiting for the first picture …");
    this.bars = el("ol", { class: "bars" });
    this.picture = el("img", { class: "frame", alt: "The board’s last picture", hidden: true });
    this.rate = el("p", { class: "soft number" });
    this.list = el("ol", { class: "log", "aria-label": "The last pictures" });
    this.notice = el("p", { class: "verdict warn", hidden: true });
    this.replaceChildren(this.best, this.picture, this.bars, this.rate, this.notice, this.list);
    this.follow("line", ({ job, line }) => job === this.jobId && this.take(line));
    const whole = await get(`/api/jobs/${this.jobId}`).catch(() => null);
    for (const line of whole?.lines.slice(-RECENT) ?? []) this.take(line, false);
  }

  take(line, live = true) {
    if (line.n <= (this.last ?? -1)) return;
    this.last = line.n;
    if (line.type === "picture") this.answer(line, live);
    if (line.type === "notice") this.tell(line);
    if (line.type === "start" && !this.count) this.best.textContent = `${line.model} starts …`;
  }

  tell({ kind, text }) {
    const log = kind === "log"; // what the board prints besides its answers
    this.notice.hidden = false;
    this.notice.className = log ? "soft" : "verdict warn";
    this.notice.replaceChildren(...(log ? [] : [icon("warning")]), el("span", {}, text));
  }

  answer({ line, frame }, live) {
    this.count++;
    if (live) this.times = [...this.times, performance.now()].slice(-RECENT);
    if (line.error) {
      this.errors++;
      this.log(line, line.error.message, true);
    } else {
      this.say(line);
      const [first] = line.top;
      this.log(line, `${line.unknown ? "unknown" : first.label} ${percent(first.confidence)}`, false);
    }
    this.picture.hidden = !frame;
    if (frame) this.picture.src = frame;
    const seconds = (this.times.at(-1) - this.times[0]) / 1000;
    const rate =
      this.times.length > 1 && seconds > 0 ? `, ${((this.times.length - 1) / seconds).toFixed(1)} a second` : "";
    this.rate.textContent = `${plural(this.count, "picture")}${rate}, ${this.errors} with errors`;
  }

  say({ top, unknown }) {
    const words = unknown ? "unknown" : top[0].label;
    if (this.best.textContent !== words) this.best.textContent = words;
    this.bars.replaceChildren(
      ...top
        .slice(0, 5)
        .map(({ label, confidence }) =>
          el(
            "li",
            {},
            el("span", {}, label),
            meter(confidence, label),
            el("span", { class: "number" }, percent(confidence)),
          ),
        ),
    );
  }

  log({ seq, image, us }, text, bad) {
    const time = us ? `${Math.round(Object.values(us).reduce((sum, each) => sum + each, 0) / 1000)} ms` : "";
    this.list.prepend(
      el(
        "li",
        { class: bad ? "bad-text" : null },
        el("span", { class: "soft number" }, `${seq} `),
        el("span", {}, `${image ?? ""} `),
        el("b", {}, text),
        el("span", { class: "soft number" }, ` ${time}`),
      ),
    );
    if (this.list.children.length > ROWS) this.list.lastChild.remove();
  }
}

customElements.define("live-board", LiveBoard);
