// SPDX-License-Identifier: MIT
// Keeps the files of the app on the device, so that it opens without a network; a new version replaces them.
const OWN = "galago " + registration.scope + " "; // other apps of this host have caches too
const CACHE = OWN + "$version";
const FILES = $files;

addEventListener("install", (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith(OWN) && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name)))));
});

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const url = event.request.url.replace(/[?#].*/, "").replace(/index\.html$$/, "");
  event.respondWith(caches.match(url, { cacheName: CACHE }).then((kept) => kept ?? fetch(event.request)));
});
