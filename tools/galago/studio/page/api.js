// SPDX-License-Identifier: MIT
// Requests to the studio's server. A failure is a StudioError whose message is for the user.

export class StudioError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const GONE =
  "The studio is not running. Start “galago studio” again in its terminal; photos, models and training are kept.";

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new StudioError("server.gone", GONE);
  }
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({}));
    throw new StudioError(
      error?.code ?? "server",
      error?.message ?? `The studio answered ${answer.status} to ${path}.`,
    );
  }
  return answer;
}

export const get = async (path, signal) => (await request(path, { signal })).json();

export async function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await request(path, { method, headers, body: JSON.stringify(body ?? {}) });
  return answer.status === 204 ? null : answer.json();
}

export const post = (path, body) => send("POST", path, body);

/** Adds one photo or zip to a class. Returns { added, duplicates, refused }. */
export async function addPhoto(classId, file, source) {
  const query = new URLSearchParams({ source, name: file.name ?? "" });
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const answer = await request(`/api/classes/${classId}/photos?${query}`, { method: "POST", headers, body: file });
  return answer.json();
}

/** Installs an image of MicroPython on a board; without a port, by the drive that the board shows. */
export async function installFirmware(file, board, port) {
  const query = new URLSearchParams({ board, name: file.name, ...(port ? { port } : {}) });
  const headers = { "Content-Type": "application/octet-stream" };
  return (await request(`/api/firmware?${query}`, { method: "POST", headers, body: file })).json();
}

/** Saves what the server makes for a download; a failure is told as one, not as a page of its own. */
export async function save(path, name) {
  const url = URL.createObjectURL(await (await request(path)).blob());
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // browsers read it after the click
}

/** Opens the zip of a project. */
export const openProject = async (file) =>
  (await request("/api/open", { method: "POST", headers: { "Content-Type": "application/zip" }, body: file })).json();
