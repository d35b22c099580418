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

/** Adds one photo or zip to a class. Returns { added, refused }. */
export async function addPhoto(classId, file, source) {
  const query = new URLSearchParams({ source, name: file.name ?? "" });
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const answer = await request(`/api/classes/${classId}/photos?${query}`, { method: "POST", headers, body: file });
  return answer.json();
}

/** Opens the zip of a project. */
export const openProject = async (file) =>
  (await request("/api/open", { method: "POST", headers: { "Content-Type": "application/zip" }, body: file })).json();
