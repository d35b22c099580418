// SPDX-License-Identifier: MIT
// What the page knows: the project, its jobs and the boards that are plugged in. It follows the server's events and
// tells the parts of the page: "project", "job", "line", "photos", "ports", "model", "examining", "online".
import { get } from "./api.js";

const RETRY = 2000; // milliseconds
const RUNNING = ["queued", "running", "paused"];

class Store extends EventTarget {
  project = null;
  ports = [];
  online = true;

  async load() {
    const [project, ports] = await Promise.all([get("/api/project"), get("/api/ports").catch(() => [])]);
    Object.assign(this, { project, ports });
    this.tell("project");
    this.tell("ports");
  }

  connect() {
    const events = new EventSource("/api/events");
    events.onopen = () => this.setOnline(true);
    events.onerror = () => {
      this.setOnline(false);
      // The browser itself tries again, except after a refusal: the server has new cookies after it was restarted.
      if (events.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY);
    };
    events.onmessage = ({ data }) => this.take(JSON.parse(data));
  }

  async setOnline(online) {
    const changed = online !== this.online;
    this.online = online;
    if (online && changed) await this.load().catch(() => {});
    if (!online)
      this.trouble = await get("/api/project").then(
        () => "",
        ({ message }) => message,
      );
    this.tell("online", online);
  }

  take(event) {
    if (event.type === "job") return this.takeJob(event.job);
    if (event.type === "line") return this.tell("line", event);
    if (event.type === "ports") return this.loadPorts();
    if (event.type === "examining") return this.tell("examining", event);
    if (event.type === "photos") this.tell("photos", event);
    const known = this.refresh();
    if (event.type === "model") known.then(() => this.tell("model", event));
    return known;
  }

  takeJob(job) {
    const jobs = this.project.jobs;
    const at = jobs.findIndex((other) => other.id === job.id);
    if (at >= 0) jobs[at] = job;
    else jobs.unshift(job);
    this.tell("job", job);
  }

  /** Reads the project again, at most once at a time: events come in bursts. */
  refresh() {
    this.again = true;
    this.refreshing ??= this.read().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  async read() {
    while (this.again) {
      this.again = false;
      this.project = await get("/api/project").catch(() => this.project);
    }
    this.tell("project");
  }

  async loadPorts() {
    this.ports = await get("/api/ports").catch(() => this.ports);
    this.tell("ports");
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  get photos() {
    return this.project.classes.reduce((sum, { photos }) => sum + photos, 0);
  }

  get work() {
    return this.project.jobs.filter((job) => RUNNING.includes(job.state));
  }

  job(kinds, state = RUNNING) {
    return this.project.jobs.find((job) => kinds.includes(job.kind) && state.includes(job.state));
  }

  model(id) {
    return this.project.models.find((model) => model.id === id) ?? this.project.models[0];
  }
}

export const store = new Store();
